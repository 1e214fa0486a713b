"""
The command that runs at startup and after each reload, usually `scripts/check`.

The command runs in a session of its own, so that it can be stopped with all its processes. If the
service crashes, the command must stop, too: a wrapper around the command reads a pipe from the
service, and kills the session when the pipe closes. If the command exits by itself, the service
writes a byte first, so that the command's background processes continue.

If the service shows the result itself, it captures the output and sets LAMBDA_LIVE_CHECK_FORMAT to
`json`. `scripts/check` then prints the JSON of a CheckResult, even inside `make check`, and before
it that of its progress. The output of any other command is shown as it is.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Self, override

import psutil

from lambda_live.checks.check_result import Check, CheckResult
from lambda_live.checks.sender import CheckProgress
from lambda_live.model.code_version import CodeLoad
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.sanitize import sanitize

TERMINATE_TIMEOUT_SECONDS = 1.0
"""How long a terminated command may take to end before it is killed."""

_MAX_OUTPUT_BYTES = 64 * 2**20
_READ_BYTES = 65_536
_MAX_ROWS = 10
_CHECK_ROW_WIDTH = 78
_RESULT_START = '{"as_expected":'
_PROGRESS_START = b'{"progress":'

_DIE_WITH_SERVICE = """\
exec 3<&0 </dev/null
( { read -r _ <&3 || kill -s KILL -- "-$$"; } >/dev/null 2>&1 & )
exec 3<&-
"""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command: one line, and the rows that explain a failure."""

    succeeded: bool
    summary: str
    rows: tuple[str, ...] = ()
    is_check: bool = False
    """Whether `scripts/check` printed it, and not another command."""
    acceptable: int = 0
    """How many differences accepting would record. A command of the user's own counts as one."""
    errors: int = 0
    """How many events ended in an error, which is not accepted."""
    checks: tuple[Check, ...] = ()

    @classmethod
    def parse(cls, output: bytes, status: int) -> Self:
        """
        Return the result of `scripts/check`, or the exit status and last lines of another command.

        A negative status is the number of the signal that killed the command.
        """
        text = output.decode("utf-8", "replace").rstrip()
        last = text.rpartition("\n")[2]
        if last.startswith(_RESULT_START):
            with contextlib.suppress(KeyError, TypeError, ValueError):
                return cls._of_checks(CheckResult.from_json(json.loads(last)))
        rows = tuple(sanitize(line) for line in text.splitlines()[-_MAX_ROWS:])
        return cls(status == 0, _status_text(status), rows, acceptable=int(status != 0))

    @classmethod
    def _of_checks(cls, result: CheckResult) -> Self:
        if result.reason is not None:
            return cls(
                succeeded=False, summary="checks failed to run", rows=(sanitize(result.reason),)
            )
        rows = result.rows(_CHECK_ROW_WIDTH, is_named=False)
        different = [each for each in result.checks if each.outcome in ("failed", "new")]
        errors = sum(each.error is not None for each in different)
        return cls(
            result.as_expected,
            result.summary(),
            tuple(map(sanitize, rows)),
            is_check=True,
            acceptable=len(different) - errors,
            errors=errors,
            checks=tuple(result.checks),
        )

    def summarized_by_last_row(self) -> Self:
        """Return the result with the last line of the output as its summary."""
        if not self.rows:
            return self
        return replace(self, summary=self.rows[-1], rows=self.rows[:-1])


def _parse_progress(line: bytes) -> CheckProgress | None:
    """Return the progress that a line of `scripts/check` reports, if it does."""
    if line.startswith(_PROGRESS_START):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return CheckProgress.from_json(json.loads(line)["progress"])
    return None


def _status_text(status: int) -> str:
    if status == 0:
        return "command succeeded"
    reason = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"command failed ({reason})"


type OnFinished = Callable[[CommandResult], None]
type OnProgress = Callable[[CheckProgress | None], None]
"""Is called without a total when the command starts, and with None when it has exited."""


class _CommandRun:
    """One run of the command, with a session of its own."""

    def __init__(self, command: str, env: dict[str, str], *, is_captured: bool) -> None:
        self._command = command
        self._env = env
        self._is_captured = is_captured
        self._others: set[psutil.Process] = set()
        self._kill_timer: asyncio.TimerHandle | None = None
        self.finished = asyncio.Event()
        self.is_terminated = False

    def start(self, on_exit: OnFinished, on_progress: OnProgress) -> None:
        """Start the command; call back with its progress and its result."""
        service_alive, self._service_alive = os.pipe()
        self._process = subprocess.Popen(  # noqa: S602  # the developer's own command line
            _DIE_WITH_SERVICE + self._command,
            shell=True,
            stdin=service_alive,
            stdout=subprocess.PIPE if self._is_captured else None,
            stderr=subprocess.STDOUT if self._is_captured else None,
            env=os.environ | self._env,
            start_new_session=True,
        )
        os.close(service_alive)
        loop = asyncio.get_running_loop()
        # a daemon thread: the service does not wait for a command that does not end
        arguments = (loop, on_exit, on_progress)
        threading.Thread(target=self._wait, args=arguments, daemon=True).start()

    def _wait(
        self, loop: asyncio.AbstractEventLoop, on_exit: OnFinished, on_progress: OnProgress
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed if the service stops first
            output = bytearray()
            for line in self._lines():
                if (progress := _parse_progress(line)) is not None:
                    loop.call_soon_threadsafe(on_progress, progress)
                else:
                    output += line
                    del output[:-_MAX_OUTPUT_BYTES]
            # parsed in this thread, because the output may be large
            result = CommandResult.parse(bytes(output), self._process.wait())
            loop.call_soon_threadsafe(self._on_exit, on_exit, result)

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines of the output, long ones in parts."""
        if self._process.stdout is not None:
            with self._process.stdout as pipe:
                yield from iter(partial(pipe.readline, _READ_BYTES), b"")

    def _on_exit(self, on_exit: OnFinished, result: CommandResult) -> None:
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        if self.is_terminated:
            self._kill()  # what the shell left behind
        else:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._service_alive, b"\n")
        os.close(self._service_alive)
        self.finished.set()
        on_exit(result)

    def terminate(self) -> None:
        """Terminate the command; kill it and all its processes if it does not end."""
        if self.is_terminated:
            return
        self.is_terminated = True
        self._signal(signal.SIGTERM)
        loop = asyncio.get_running_loop()
        self._kill_timer = loop.call_later(TERMINATE_TIMEOUT_SECONDS, self._kill)

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(psutil.Error):  # it has exited
            self._others |= set(psutil.Process(self._process.pid).children(recursive=True))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
        for other in self._others:  # some may have started sessions of their own
            with contextlib.suppress(psutil.Error):
                other.send_signal(number)


class ReloadCommand(Listener):
    """Runs one command at a time. A new reload terminates the run for the old code."""

    def __init__(
        self,
        command: str | None,
        url: str,
        on_finished: OnFinished | None = None,
        is_debugging: Callable[[], bool] = lambda: False,
        on_progress: OnProgress = lambda _: None,
    ) -> None:
        """
        Without `on_finished` the command prints to the service's output.

        With it, code that does not load is not checked. While a debugger is attached nothing is
        checked either, because each check would stop at the breakpoints.
        """
        self._command = command
        self._url = url
        self._on_finished = on_finished
        self._on_progress = on_progress
        self._is_debugging = is_debugging
        self._run: _CommandRun | None = None
        self._next_code: str | None = None

    @override
    def on_code_load(self, load: CodeLoad) -> None:
        if self._on_finished is not None and (load.error is not None or self._is_debugging()):
            self._next_code = None
            self._terminate()
        else:
            self.run(load.code_sha256)

    def run(self, code_sha256: str) -> None:
        """Start the command for that code, after the current run has exited."""
        self._next_code = code_sha256
        if self._run is None:
            self._start()
        else:
            self._terminate()

    def _terminate(self) -> None:
        if self._run is not None:
            self._run.terminate()

    def _start(self) -> None:
        code_sha256, self._next_code = self._next_code, None
        if self._command is None or code_sha256 is None:
            return
        env = {"LAMBDA_LIVE_URL": self._url, "LAMBDA_LIVE_CODE_SHA256": code_sha256}
        is_captured = self._on_finished is not None
        if is_captured:
            env["LAMBDA_LIVE_CHECK_FORMAT"] = "json"
        self._run = _CommandRun(self._command, env, is_captured=is_captured)
        self._on_progress(CheckProgress())
        self._run.start(self._on_exit, self._on_progress)

    def _on_exit(self, result: CommandResult) -> None:
        run, self._run = self._run, None
        self._on_progress(None)
        if self._on_finished is not None and run is not None and not run.is_terminated:
            self._on_finished(result)
        self._start()

    async def stop(self) -> None:
        """Terminate the current run, and start no other."""
        self._command = None
        if self._run is not None:
            finished = self._run.finished
            self._run.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(finished.wait(), 2 * TERMINATE_TIMEOUT_SECONDS)
