"""The command that a developer wants run at start and after each reload, such as the checks."""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from typing import IO

import psutil

from lambda_live.model.code_version import CodeLoad
from lambda_live.telemetry.listener import Listener

TERMINATE_TIMEOUT_SECONDS = 1.0
"""Seconds that a run gets to end by itself before it is killed."""

_MOST_OUTPUT = 262_144
_AT_ONCE = 65_536

type OnFinished = Callable[[bytes, int], None]
"""Is given what a run printed, and its exit status or the negative number of its signal."""


_WITH_THE_SERVICE = """\
exec 3<&0 </dev/null
( { read -r _ <&3 || kill -s KILL -- "-$$"; } >/dev/null 2>&1 & )
exec 3<&-
"""
"""Ends the session when the service's end of the pipe is closed without a word; no job of it."""


class CommandRun:
    """One run of the command: a session of its own, which ends as a whole, and with the service."""

    def __init__(self, command: str, env: dict[str, str], *, captured: bool) -> None:
        lease, self._lease = os.pipe()
        self._process = subprocess.Popen(  # noqa: S602  # the developer's own command line
            _WITH_THE_SERVICE + command,
            shell=True,
            stdin=lease,
            stdout=subprocess.PIPE if captured else None,
            stderr=subprocess.STDOUT if captured else None,
            env=os.environ | env,
            start_new_session=True,
        )
        os.close(lease)
        self._others: set[psutil.Process] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.finished = asyncio.Event()
        self.terminated = False

    def watch(self, ended: Callable[[bytes, int], None]) -> None:
        """Say when it is over; a thread that nobody waits for reads and waits."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._wait, args=(loop, ended), daemon=True).start()

    def _wait(self, loop: asyncio.AbstractEventLoop, ended: Callable[[bytes, int], None]) -> None:
        pipe = self._process.stdout
        output = b"" if pipe is None else self._read(pipe)
        status = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed when the service stops first
            loop.call_soon_threadsafe(self._over, ended, output, status)

    @staticmethod
    def _read(pipe: IO[bytes]) -> bytes:
        output = bytearray()
        while data := os.read(pipe.fileno(), _AT_ONCE):
            output += data
            del output[:-_MOST_OUTPUT]
        pipe.close()
        return bytes(output)

    def _over(self, ended: Callable[[bytes, int], None], output: bytes, status: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.terminated:
            self._kill()  # what the shell left behind
        else:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._lease, b"\n")  # what it left behind on purpose may stay
        os.close(self._lease)
        self.finished.set()
        ended(output, status)

    def terminate(self) -> None:
        """Ask it to end; kill it, and all that it started, if it does not."""
        if self.terminated:
            return
        self.terminated = True
        self._signal(signal.SIGTERM)
        self._timer = asyncio.get_running_loop().call_later(TERMINATE_TIMEOUT_SECONDS, self._kill)

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(psutil.Error):  # it is gone
            self._others |= set(psutil.Process(self._process.pid).children(recursive=True))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
        for other in self._others:  # those that have sessions of their own, too
            with contextlib.suppress(psutil.Error):
                other.send_signal(number)


class ReloadCommand(Listener):
    """Runs one command at a time; a new reload ends the run that was for the old code."""

    def __init__(
        self,
        command: str | None,
        url: str,
        told: OnFinished | None = None,
        debugged: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        Who is `told` gets the output; then code that does not load is not checked.

        Nor is code that is `debugged`: each check would stop at the breakpoints.
        """
        self._debugged = debugged
        self._command = command
        self._url = url
        self._told = told
        self._run: CommandRun | None = None
        self._next: str | None = None

    def on_code_load(self, load: CodeLoad) -> None:
        """Start the command, once the one that still runs has ended."""
        if self._told is not None and (load.error is not None or self._debugged()):
            self._next = None
            self._end()
        else:
            self.run(load.code_sha256)

    def run(self, code_sha256: str) -> None:
        """Start the command for that code."""
        self._next = code_sha256
        if self._run is None:
            self._start()
        else:
            self._end()

    def _end(self) -> None:
        if self._run is not None:
            self._run.terminate()

    def _start(self) -> None:
        code_sha256, self._next = self._next, None
        if self._command is None or code_sha256 is None:
            return
        env = {"LAMBDA_LIVE_URL": self._url, "LAMBDA_LIVE_CODE_SHA256": code_sha256}
        self._run = CommandRun(self._command, env, captured=self._told is not None)
        self._run.watch(self._ended)

    def _ended(self, output: bytes, status: int) -> None:
        run, self._run = self._run, None
        if self._told is not None and run is not None and not run.terminated:
            self._told(output, status)
        self._start()

    async def stop(self) -> None:
        """End the run that is under way, and start no other."""
        self._command = None
        if self._run is not None:
            gone = self._run.finished
            self._run.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), 2 * TERMINATE_TIMEOUT_SECONDS)
