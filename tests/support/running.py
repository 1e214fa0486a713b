"""A program that runs beside the tests: what it writes, what it started, and its end."""

import signal
import subprocess
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.support.waiting import DEADLINE, wait_until

MARKER = "MARKER_OF_THE_TEST"
"""The variable by whose value its processes are known."""


class Running:
    """Runs a command in a directory, in a session of its own, and reads its log."""

    def __init__(self, command: Sequence[str], directory: Path, env: Mapping[str, str]) -> None:
        self.expected_stderr = ""
        self.lines: list[str] = []
        self._marker = uuid.uuid4().hex
        self._errors = directory / f".stderr-{self._marker}"
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=directory,
                env={MARKER: self._marker, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
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
        """Return every process that this one started, and itself, while it lives."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            marker = process.environ().get(MARKER)
            return marker == self._marker and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, wait for its end; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end, and its log's."""
        status = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return status

    def close(self) -> None:
        """End it; see that it ended well and that nothing of it is left."""
        try:
            already = self.process.poll()
            status = self.end()
            assert already is not None or status == 0, self.stderr
            assert self.stderr == self.expected_stderr, self.stderr
            assert "lambda_local: Exception in callback" not in self.log, self.log
            wait_until(lambda: not self.processes(), "the end of its processes")
        finally:
            self.kill()

    def kill(self) -> None:
        """End what is left of it."""
        for process in self.processes():
            process.kill()
        self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()
