"""The process of one environment: its pipes, signals, memory and log output."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

from lambda_live.environments import memory, reaper
from lambda_live.environments.log_records import LogRecordParser
from lambda_live.environments.process_spec import (
    ProcessHandle,
    SpawnedProcess,
    kill_group,
    process_spec,
)
from lambda_live.environments.runtime_process.control_channel import STACK_SIGNAL
from lambda_live.environments.zygote import ZygotePool
from lambda_live.model.function import FunctionConfiguration

_PIPE_BYTES = 65_536
"""Capacity of a pipe: one read returns everything that was written before it."""

_READ_BYTES = 8192
"""Largest read before the other environments and the HTTP ports get their turn."""


class Process:
    """A started process and the pipes to it. Makes no decisions."""

    def __init__(
        self, handle: ProcessHandle, log_stream: str, control: socket.socket, output: int
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = LogRecordParser()
        self._handle = handle
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
        Start a process, which imports the runtime client and then waits.

        `environ` holds the variables of this environment. With a `debug_socket`, the process
        accepts a debugger there. Raises OSError.
        """
        with contextlib.ExitStack() as on_error, contextlib.ExitStack() as inherited:
            output, its_output = os.pipe()
            on_error.callback(os.close, output)
            inherited.callback(os.close, its_output)
            control, its_control = socket.socketpair()
            on_error.enter_context(control)
            inherited.enter_context(its_control)
            os.set_blocking(output, False)
            control.settimeout(0)
            descriptors = (its_control.fileno(), its_output)
            handle = await _start(configuration, environ, descriptors, debug_socket, zygote_pool)
            on_error.pop_all()
        return cls(handle, environ["AWS_LAMBDA_LOG_STREAM_NAME"], control, output)

    def watch(self, on_ready: Callable[[], None] | None, on_exit: Callable[[int], None]) -> None:
        """Call `on_ready` when the process has preloaded, `on_exit` with its return code."""
        if on_ready is not None:
            self._loop.add_reader(self._control, self._on_ready, on_ready)

        def kill_descendants(returncode: int) -> None:
            on_exit(returncode)
            stream = self._log_stream.rpartition("]")[2]
            with contextlib.suppress(RuntimeError):  # no thread left: the reaper does it later
                threading.Thread(target=reaper.kill_all, args=(stream,), daemon=True).start()

        # a zygote kills the descendants of its forks itself
        is_spawned = isinstance(self._handle, SpawnedProcess)
        self._handle.watch(kill_descendants if is_spawned else on_exit)

    def _on_ready(self, on_ready: Callable[[], None]) -> None:
        self._loop.remove_reader(self._control)
        if self.read_control():  # empty if the process has exited
            on_ready()

    def start_handler_load(self, on_output: Callable[[int], None]) -> None:
        """Let the process load the handler. Call `on_output` when there is output to read."""
        self._loop.add_reader(self._output, on_output, _READ_BYTES)
        with contextlib.suppress(OSError):  # the process has exited; `on_exit` reports that
            self._control.send(b"!")

    def read_control(self) -> bytes:
        """Return what the process has sent on its control channel, or nothing."""
        try:
            return self._control.recv(_PIPE_BYTES)
        except OSError:
            return b""

    def read_records(self, size: int = _PIPE_BYTES, *, last: bool = False) -> Iterator[bytes]:
        """
        Yield the unread log records. With `last`, include a line without a newline.

        Reads once: a function that writes without end would never let a loop finish.
        """
        try:
            data = os.read(self._output, size)
        except BlockingIOError:
            pass
        else:
            if not data:
                self._loop.remove_reader(self._output)
            yield from self._parser.feed(data)
        if last:
            yield from self._parser.flush()

    def peak_bytes(self) -> int:
        """Return the peak memory of the process; 0 after its exit."""
        return memory.peak_bytes(self._handle.pid)

    def resident_bytes(self) -> int:
        """Return the memory that the process and its descendants use now."""
        return memory.resident_bytes(self._handle.pid)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and its descendants."""
        if self._handle.has_exited:
            return  # the number may be another group's
        if number is signal.SIGKILL and isinstance(self._handle, SpawnedProcess):
            # no zygote finds those in sessions of their own
            for pid in list(memory.descendants(self._handle.pid)):
                with contextlib.suppress(OSError):
                    os.kill(pid, number)
        kill_group(self._handle.pid, number)

    def dump_stacks(self) -> None:
        """Have the process write its stacks to the control channel, and exit."""
        with contextlib.suppress(OSError):
            if not self._handle.has_exited:
                os.kill(self._handle.pid, STACK_SIGNAL)

    def close(self) -> None:
        """Close the pipes."""
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
    """Start the process by a zygote; if that is not possible, spawn it."""
    spec = process_spec(configuration)
    if handle := await zygote_pool.start(spec, environ, descriptors, debug_socket):
        return handle
    control, output = descriptors
    if debug_socket is None:
        return SpawnedProcess(spec.spawn(control, environ, output))
    descriptor = debug_socket.fileno()
    environ = {**environ, "_LAMBDA_LIVE_DEBUG_SOCKET": str(descriptor)}
    return SpawnedProcess(spec.spawn(control, environ, output, [descriptor]))
