"""The parts of one environment: its process, its Runtime API, its log output and its memory."""

import asyncio
import contextlib
import json
import secrets
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lambda_live.debugger.server import DebugServer
from lambda_live.environments.process import Process
from lambda_live.environments.runtime_api import RuntimeApiConnection, RuntimeCalls, event_headers
from lambda_live.environments.stack_dump import parse_stack
from lambda_live.environments.variables import per_environment
from lambda_live.environments.zygote import ZygotePool
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import ImportTime, Invocation
from lambda_live.telemetry.listener import Listener

_DEBUG_DEADLINE_SECONDS = 86_400.0
_PRELOAD_TIMEOUT_SECONDS = 60.0
"""The process has a shorter timeout of its own, which C code can delay without end."""

_MB = 2**20


@dataclass(frozen=True, slots=True)
class SharedResources:
    """Objects that all environments of one function share."""

    debug_server: DebugServer | None
    zygote_pool: ZygotePool = field(default_factory=ZygotePool)


@dataclass(frozen=True, slots=True)
class InitMessage:
    """
    Message that the process sends at the end of its init.

    After a success, `preload_ms` is the part of the init that preloading took, and `preload` is the
    list of imports for the next process, as text. After a failure, `location` is the place of the
    error.
    """

    preload_ms: float = 0.0
    preload: str = ""
    location: str = ""
    imports: tuple[ImportTime, ...] = ()


def parse_init_message(message: bytes) -> InitMessage:
    """Return the message, or an empty one if it is invalid: the function may have forged it."""
    try:
        fields = json.loads(message)
        return InitMessage(
            float(fields.get("preload_ms", 0)),
            str(fields.get("preload", "")),
            str(fields.get("location", "")),
            tuple(
                ImportTime(str(name), int(depth), float(ms), float(self_ms), bool(is_preloaded))
                for name, depth, ms, self_ms, is_preloaded in fields.get("imports", ())
            ),
        )
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return InitMessage()


class Sandbox:
    """Transports data between an environment and its process. Makes no decisions."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        listener: Listener,
        resources: SharedResources,
        *,
        preload: str,
    ) -> None:
        self.invocation: Invocation | None = None
        """The current invocation. Log records belong to it."""
        self.max_memory_bytes = 0
        self.has_debugger = resources.debug_server is not None
        self.invocation_id = ""
        """Id of the last delivery of an event."""
        self.is_watched = False
        """Whether the process has started, and its exit will be reported."""
        self._configuration = configuration
        self._listener = listener
        self._resources = resources
        self._preload = preload
        self._ready = asyncio.Event()
        self._is_started = False
        self._debug_port = 0
        self._process: Process | None = None
        self._server: asyncio.Server | None = None
        self._poll: RuntimeApiConnection | None = None

    async def spawn(self, calls: RuntimeCalls, on_exit: Callable[[int], None]) -> None:
        """
        Start the Runtime API and the process. `on_exit` receives the process's return code.

        Raises what `Environment.spawn` does. `close` then releases what was opened before.
        """
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        token = secrets.token_hex(16)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: RuntimeApiConnection(calls, token), sock=listener
            )
        except BaseException:
            listener.close()
            raise
        environ = per_environment(port) | {
            "_LAMBDA_LIVE_CLIENT_TOKEN": token,
            "_LAMBDA_LIVE_PRELOAD": self._preload,
        }
        with contextlib.ExitStack() as inherited:
            debug_socket = None
            if self.has_debugger:
                debug_socket = inherited.enter_context(socket.create_server(("127.0.0.1", 0)))
                self._debug_port = debug_socket.getsockname()[1]
            self._process = await Process.start(
                self._configuration, environ, debug_socket, self._resources.zygote_pool
            )
        self._process.watch(self._ready.set if self._preload else None, on_exit)
        self.is_watched = True

    async def wait_ready(self) -> None:
        """Wait until the process has preloaded its imports, or has exited; kill it if it hangs."""
        if not self._preload:
            return
        try:
            async with asyncio.timeout(_PRELOAD_TIMEOUT_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._ready.wait()

    async def wait_for_debugger(self) -> None:
        """Wait until an attached debugger controls the process, or the process has exited."""
        if self._resources.debug_server is not None:
            await self._resources.debug_server.attach_process(
                self._configuration.name, self._debug_port
            )

    def take_invocation(self) -> Invocation | None:
        """Return the current invocation, and forget it."""
        invocation, self.invocation = self.invocation, None
        return invocation

    @property
    def is_polling(self) -> bool:
        """Whether the runtime waits for an event."""
        return self._poll is not None

    def on_poll(self, api: RuntimeApiConnection) -> None:
        """Remember the connection on which the runtime waits for an event."""
        self._poll = api

    def start_handler_load(self) -> None:
        """Let the process load the handler."""
        if self._process is not None:
            self._is_started = True
            self._process.start_handler_load(self._on_output)

    def deliver(self, timeout: float) -> None:
        """Send the event to the waiting runtime, with a deadline in `timeout` seconds."""
        poll, self._poll = self._poll, None
        deadline = time.time() + (_DEBUG_DEADLINE_SECONDS if self.has_debugger else timeout)
        if poll is not None and self.invocation is not None:
            self.invocation_id = str(uuid.uuid4())
            headers = event_headers(
                self.invocation, self._configuration, int(deadline * 1000), self.invocation_id
            )
            poll.reply(200, headers, self.invocation.payload)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and everything it started."""
        if self._process is not None:
            self._process.signal(number)

    def drain(self, *, last: bool = False) -> None:
        """Emit the unread log records. With `last`, include a line without a newline."""
        if self._process is not None and self._is_started:
            self._emit(self._process.read_records(last=last))

    def _on_output(self, size: int) -> None:
        if self._process is not None:
            self._emit(self._process.read_records(size))

    def _emit(self, records: Iterable[bytes]) -> None:
        for record in records:
            self._listener.function_log(record, self.invocation)

    def measure_resident(self) -> int:
        """Return the bytes of memory that the process and its descendants use now."""
        now = 0 if self._process is None else self._process.resident_bytes()
        self.max_memory_bytes = max(self.max_memory_bytes, now)
        return now

    def measure_peak(self) -> None:
        """Update `max_memory_bytes`. Must run before the process exits."""
        if self._process is not None:
            self.max_memory_bytes = max(self.max_memory_bytes, self._process.peak_bytes())

    @property
    def max_memory_mb(self) -> int:
        """`max_memory_bytes` in MB, as AWS reports it."""
        return round(self.max_memory_bytes / _MB)

    def read_init_message(self) -> InitMessage:
        """Return the message that the process sent at the end of its init."""
        if self._process is None:
            return InitMessage()
        return parse_init_message(self._process.read_control())

    def dump_stacks(self) -> None:
        """Have the process report where its code is, and exit. A frozen process cannot."""
        if self._process is not None:
            self._process.dump_stacks()

    def read_stack(self) -> tuple[str, ...]:
        """Return where the function was, if the process has reported it."""
        return () if self._process is None else parse_stack(self._process.read_control())

    def close(self) -> None:
        """Release pipes and sockets after the process has exited."""
        self._ready.set()
        if self._process is not None:
            self._process.close()
        if self._server is not None:
            self._server.close()
