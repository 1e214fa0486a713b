"""The process of an execution environment, with all that it starts, and its pipes."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator

from lambda_local.environment import keeper, memory
from lambda_local.environment.framing import Records
from lambda_local.environment.variables import RUNTIME_DIRECTORY, variables, wrapper
from lambda_local.settings.function import FunctionConfiguration

_PIPE = 65_536
"""Bytes that a pipe holds: one read has all that was written before it."""

_TURN = 8192
"""Bytes that are read of one environment before the others, and the doors, have their turn."""


class Process:
    """Starts, signals and is read; decides nothing."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        port: int,
        told: dict[str, str],
        debuggers: socket.socket | None,
    ) -> None:
        """
        Start it with what it is told by variables; it imports the runtime client and waits.

        It listens for `debuggers`, if there may be any. Raises OSError.
        """
        self._loop = asyncio.get_running_loop()
        self._records = Records()
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as handed_over:
            self._output, output = os.pipe()
            undo.callback(os.close, self._output)
            handed_over.callback(os.close, output)
            self._control, control = socket.socketpair()
            undo.enter_context(self._control)
            handed_over.enter_context(control)
            os.set_blocking(self._output, False)
            self._control.settimeout(0)
            # the debugger can't stop in frozen modules, and says so each time
            options = ["-P"] if debuggers is None else ["-P", "-Xfrozen_modules=off"]
            bootstrap = RUNTIME_DIRECTORY / "bootstrap.py"
            arguments = [str(bootstrap), str(control.fileno()), configuration.handler]
            handed = [control.fileno(), *(() if debuggers is None else (debuggers.fileno(),))]
            told = told | {"_LAMBDA_LOCAL_DEBUG": ",".join(map(str, handed[1:]))}
            environ = variables(configuration, port) | told
            self._log_stream = environ["AWS_LAMBDA_LOG_STREAM_NAME"]
            # one short fork in the event loop; asyncio's own subprocesses know no process groups
            self._process = subprocess.Popen(  # noqa: S603
                [*wrapper(configuration), configuration.python.executable, *options, *arguments],
                cwd=configuration.task_root,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=handed,
                process_group=0,
            )
            undo.pop_all()

    def watch(self, ready: Callable[[], None] | None, ended: Callable[[int], None]) -> None:
        """Say when it says that it is ready, and when it has ended, with its return code."""
        if ready is not None:
            self._loop.add_reader(self._control, self._became_ready, ready)
        threading.Thread(target=self._wait, args=(ended,), daemon=True).start()

    def _became_ready(self, ready: Callable[[], None]) -> None:
        self._loop.remove_reader(self._control)
        if self.told():  # it has not ended
            ready()

    def _wait(self, ended: Callable[[int], None]) -> None:
        returncode = self._process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed when the service stops first
            self._loop.call_soon_threadsafe(ended, returncode)
        keeper.end_all(self._log_stream.rpartition("]")[2])

    def begin(self, wrote: Callable[[int], None]) -> None:
        """Let it load the handler; say when there is something to read."""
        self._loop.add_reader(self._output, wrote, _TURN)
        with contextlib.suppress(OSError):  # it ended already, and says so itself
            self._control.send(b"!")

    def told(self) -> bytes:
        """Return what it said of its init, if it did."""
        try:
            return self._control.recv(_PIPE)
        except OSError:
            return b""

    def records(self, size: int = _PIPE, *, last: bool = False) -> Iterator[bytes]:
        """
        Yield the log records that it has written and nobody has read; the `last` may lack its end.

        One read is enough, and all that is fair: who writes without end would never be read empty.
        """
        try:
            data = os.read(self._output, size)
        except BlockingIOError:
            pass
        else:
            if not data:
                self._loop.remove_reader(self._output)
            yield from self._records.feed(data)
        if last:
            yield from self._records.flush()

    def peak(self) -> int:
        """Bytes of memory that it had in use at most; 0 when it has ended."""
        return memory.peak(self._process.pid)

    def resident(self) -> int:
        """Bytes of memory that it has in use now, with all that it started."""
        return memory.resident(self._process.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send it, and all that it started, a signal."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)
            return
        with contextlib.suppress(OSError):  # it is in a group of another's
            if self._process.returncode is None:
                os.kill(self._process.pid, number)

    def close(self) -> None:
        """Give the pipes back."""
        self._loop.remove_reader(self._output)
        os.close(self._output)
        self._loop.remove_reader(self._control)
        self._control.close()
