"""The process of an execution environment, with all that it starts, and its pipes."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

from lambda_live.environments import memory, reaper
from lambda_live.environments.log_records import Records
from lambda_live.environments.process_spec import Executed, Started, interpreter
from lambda_live.environments.zygote import Zygotes
from lambda_live.model.function import FunctionConfiguration

_PIPE = 65_536
"""Bytes that a pipe holds: one read has all that was written before it."""

_TURN = 8192
"""Bytes that are read of one environment before the others, and the doors, have their turn."""


class Process:
    """Signals, and is read; decides nothing."""

    def __init__(
        self, started: Started, log_stream: str, control: socket.socket, output: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._records = Records()
        self._started = started
        self._log_stream = log_stream
        self._control = control
        self._output = output

    @classmethod
    async def start(
        cls,
        configuration: FunctionConfiguration,
        told: Mapping[str, str],
        debuggers: socket.socket | None,
        zygotes: Zygotes,
    ) -> "Process":
        """
        Start it with what it is told by variables; it imports the runtime client and waits.

        It listens for `debuggers`, if there may be any. Raises OSError.
        """
        with contextlib.ExitStack() as undo, contextlib.ExitStack() as handed_over:
            output, its_output = os.pipe()
            undo.callback(os.close, output)
            handed_over.callback(os.close, its_output)
            control, its_control = socket.socketpair()
            undo.enter_context(control)
            handed_over.enter_context(its_control)
            os.set_blocking(output, False)
            control.settimeout(0)
            descriptors = (its_control.fileno(), its_output)
            started = await _start(configuration, told, descriptors, debuggers, zygotes)
            undo.pop_all()
        return cls(started, told["AWS_LAMBDA_LOG_STREAM_NAME"], control, output)

    def watch(self, ready: Callable[[], None] | None, ended: Callable[[int], None]) -> None:
        """Say when it says that it is ready, and when it has ended, with its return code."""
        if ready is not None:
            self._loop.add_reader(self._control, self._became_ready, ready)

        def sweep(returncode: int) -> None:
            ended(returncode)
            mark = self._log_stream.rpartition("]")[2]
            threading.Thread(target=reaper.end_all, args=(mark,), daemon=True).start()

        self._started.watch(sweep)

    def _became_ready(self, ready: Callable[[], None]) -> None:
        self._loop.remove_reader(self._control)
        if self.told():  # it has not ended
            ready()

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
        return memory.peak(self._started.pid)

    def resident(self) -> int:
        """Bytes of memory that it has in use now, with all that it started."""
        return memory.resident(self._started.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send it, and all that it started, a signal."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._started.pid, number)
            return
        with contextlib.suppress(OSError):  # it is in a group of another's
            if not self._started.ended:
                os.kill(self._started.pid, number)

    def close(self) -> None:
        """Give the pipes back."""
        self._loop.remove_reader(self._output)
        os.close(self._output)
        self._loop.remove_reader(self._control)
        self._control.close()


async def _start(
    configuration: FunctionConfiguration,
    told: Mapping[str, str],
    descriptors: tuple[int, int],
    debuggers: socket.socket | None,
    zygotes: Zygotes,
) -> Started:
    what = interpreter(configuration)
    if debuggers is not None:
        listens = debuggers.fileno()
        debugged = {**told, "_LAMBDA_LIVE_DEBUG": str(listens)}
        return Executed(what.start(descriptors[0], debugged, descriptors[1], [listens]))
    forked = await zygotes.fork(what, told, descriptors)
    return forked or Executed(what.start(descriptors[0], told, descriptors[1]))
