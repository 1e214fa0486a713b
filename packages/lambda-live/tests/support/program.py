"""A program under test: its output, its processes and its exit."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from support.fork_server import Started
from support.waiting import DEADLINE, wait_until

MARKER = "MARKER_OF_THE_TEST"
"""The variable that identifies the processes of a program."""


_LINUX = sys.platform.startswith("linux")


class Start(Protocol):
    """Starts a program in a new session with these standard descriptors."""

    def __call__(
        self, directory: Path, environ: Mapping[str, str], standard: Sequence[int]
    ) -> Started: ...


def execute(
    command: Sequence[str], directory: Path, environ: Mapping[str, str], standard: Sequence[int]
) -> Started:
    """Start a command. With the first argument bound, this is a `Start`."""
    stdin, stdout, stderr = standard
    return subprocess.Popen(
        command,
        cwd=directory,
        env=environ,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


class Program:
    """Runs a program in a directory and reads its output."""

    def __init__(self, start: Start, directory: Path, env: Mapping[str, str]) -> None:
        self.expected_stderr = ""
        self.lines: list[str] = []
        self._marker = uuid.uuid4().hex
        self._errors = directory / f".stderr-{self._marker}"
        reads, writes = os.pipe()
        self._stdout = os.fdopen(reads, "rb")
        with (
            self._errors.open("wb") as errors,
            os.fdopen(writes, "wb") as log,
            Path(os.devnull).open("rb") as nothing,
        ):
            standard = [nothing.fileno(), log.fileno(), errors.fileno()]
            self.process = start(directory, {MARKER: self._marker, **env}, standard)
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._stdout:
            self.lines.append(line.decode("utf-8", "replace").removesuffix("\n"))

    @property
    def stderr(self) -> str:
        return self._errors.read_text(encoding="utf-8", errors="replace")

    @property
    def log(self) -> str:
        return "".join(line + "\n" for line in self.lines)

    def wait_for_line(self, text: str, count: int = 1) -> str:
        """Return the `count`-th log line that contains the text."""

        def found() -> list[str]:
            lines = [line for line in list(self.lines) if text in line]
            return lines if len(lines) >= count else []

        return wait_until(found, f"{text!r} in the log")[count - 1]

    def processes(self) -> list[psutil.Process]:
        """Return the program's living processes."""
        marker = self._marker.encode()
        pids = {pid for pid in psutil.pids() if marker in _variables(pid)}
        if self.process.poll() is None:
            pids.add(self.pid)  # /proc has the fork server's variables for a forked one
        return [process for pid in pids if (process := _living(pid)) is not None]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the exit and the end of the output; return the exit status."""
        status = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return status

    def close(self) -> None:
        """Stop it; check its exit status, its standard error and that no process is left."""
        try:
            already = self.process.poll()
            status = self.end()
            assert already is not None or status == 0, self.stderr
            assert self.stderr == self.expected_stderr, self.stderr
            assert "lambda-live: Exception in callback" not in self.log, self.log
            wait_until(lambda: not self.processes(), "the exit of its processes")
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill every process that is left."""
        for process in self.processes():
            process.kill()
        self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        self._stdout.close()


def _variables(pid: int) -> bytes:
    if not _LINUX:
        with contextlib.suppress(psutil.Error):
            return str(psutil.Process(pid).environ()).encode()
    try:  # twice as fast as psutil
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123  # as above
            return file.read()
    except OSError:
        return b""


def _living(pid: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    return None
