"""The process of an execution environment, with all that it starts, and its pipes."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

from lambda_live.environments import memory, reaper
from lambda_live.environments.log_records import LogRecordParser
from lambda_live.environments.process_spec import ProcessHandle, SpawnedProcess, process_spec
from lambda_live.environments.zygote import ZygotePool
from lambda_live.model.function import FunctionConfiguration

_PIPE_BYTES = 65_536
"""Bytes that a pipe holds: one read has all that was written before it."""

_READ_BYTES = 8192
"""Bytes that are read of one environment before the others, and the doors, have their turn."""


class Process:
    """Signals, and is read; decides nothing."""

    def __init__(
        self, started: ProcessHandle, log_stream: str, control: socket.socket, output: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._records = LogRecordParser()
        self._handle = started
        self._log_stream = log_stream
        self._control = control
        self._output = output

    @classmethod
    async def start(
        cls,
        configuration: FunctionConfiguration,
        environ: Mapping[str, str],
        debug_socket: socket.socket | None,
        zygote_pool: ZygotePool,
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
            started = await _start(configuration, environ, descriptors, debug_socket, zygote_pool)
            undo.pop_all()
        return cls(started, environ["AWS_LAMBDA_LOG_STREAM_NAME"], control, output)

    def watch(self, on_ready: Callable[[], None] | None, on_exit: Callable[[int], None]) -> None:
        """Say when it says that it is ready, and when it has ended, with its return code."""
        if on_ready is not None:
            self._loop.add_reader(self._control, self._on_ready, on_ready)

        def sweep(returncode: int) -> None:
            on_exit(returncode)
            mark = self._log_stream.rpartition("]")[2]
            threading.Thread(target=reaper.kill_all, args=(mark,), daemon=True).start()

        self._handle.watch(sweep)

    def _on_ready(self, ready: Callable[[], None]) -> None:
        self._loop.remove_reader(self._control)
        if self.read_init_message():  # it has not ended
            ready()

    def start_handler_load(self, on_output: Callable[[int], None]) -> None:
        """Let it load the handler; say when there is something to read."""
        self._loop.add_reader(self._output, on_output, _READ_BYTES)
        with contextlib.suppress(OSError):  # it ended already, and says so itself
            self._control.send(b"!")

    def read_init_message(self) -> bytes:
        """Return what it said of its init, if it did."""
        try:
            return self._control.recv(_PIPE_BYTES)
        except OSError:
            return b""

    def read_records(self, size: int = _PIPE_BYTES, *, last: bool = False) -> Iterator[bytes]:
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

    def peak_bytes(self) -> int:
        """Bytes of memory that it had in use at most; 0 when it has ended."""
        return memory.peak_bytes(self._handle.pid)

    def resident_bytes(self) -> int:
        """Bytes of memory that it has in use now, with all that it started."""
        return memory.resident_bytes(self._handle.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send it, and all that it started, a signal."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._handle.pid, number)
            return
        with contextlib.suppress(OSError):  # it is in a group of another's
            if not self._handle.has_exited:
                os.kill(self._handle.pid, number)

    def close(self) -> None:
        """Give the pipes back."""
        self._loop.remove_reader(self._output)
        os.close(self._output)
        self._loop.remove_reader(self._control)
        self._control.close()


async def _start(
    configuration: FunctionConfiguration,
    environ: Mapping[str, str],
    descriptors: tuple[int, int],
    debug_socket: socket.socket | None,
    zygote_pool: ZygotePool,
) -> ProcessHandle:
    what = process_spec(configuration)
    if debug_socket is not None:
        listens = debug_socket.fileno()
        debugged = {**environ, "_LAMBDA_LIVE_DEBUG": str(listens)}
        return SpawnedProcess(what.spawn(descriptors[0], debugged, descriptors[1], [listens]))
    forked = await zygote_pool.fork(what, environ, descriptors)
    return forked or SpawnedProcess(what.spawn(descriptors[0], environ, descriptors[1]))
