"""What an environment is made of: a process, its Runtime API, and what it writes."""

import asyncio
import contextlib
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterable

from lambda_live.environments import init_message
from lambda_live.environments.init_message import InitMessage
from lambda_live.environments.process import Process
from lambda_live.environments.runtime_api import RuntimeApiConnection, RuntimeCalls, event_headers
from lambda_live.environments.shared_resources import SharedResources
from lambda_live.environments.variables import per_environment
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation
from lambda_live.telemetry.listener import Listener

_DAY = 86_400.0
_MB = 2**20


class Sandbox:
    """Carries what the environment and its runtime say to each other; decides nothing."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        listener: Listener,
        resources: SharedResources,
        *,
        preload: str,
    ) -> None:
        self._resources = resources
        self._preload = preload
        self._ready = asyncio.Event()
        self._is_started = False
        self.max_memory_bytes = 0
        self.invocation: Invocation | None = None
        self._configuration = configuration
        self._listener = listener
        self._debug_port = 0
        self._process: Process | None = None
        self._server: asyncio.Server | None = None
        self._poll: RuntimeApiConnection | None = None

    async def spawn(self, runtime: RuntimeCalls, on_exit: Callable[[int], None]) -> None:
        """
        Start the process; `exited` is told of its end, whatever comes.

        Raises OSError; `close` gives back what was had by then.
        """
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        poller = secrets.token_hex(16)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: RuntimeApiConnection(runtime, poller), sock=listener
            )
        except BaseException:
            listener.close()
            raise
        init_message = per_environment(port) | {
            "_LAMBDA_LIVE_POLLER": poller,
            "_LAMBDA_LIVE_AHEAD": self._preload,
        }
        with contextlib.ExitStack() as handed_over:
            debugged = None
            if self._resources.debug_server is not None:
                debugged = handed_over.enter_context(socket.create_server(("127.0.0.1", 0)))
                self._debug_port = debugged.getsockname()[1]
            self._process = await Process.start(
                self._configuration, init_message, debugged, self._resources.zygote_pool
            )
        self._process.watch(self._ready.set if self._preload else None, on_exit)

    async def wait_ready(self) -> None:
        """Return when it has imported what is wanted ahead, or has ended."""
        if self._preload:
            await self._ready.wait()

    async def wait_for_debugger(self) -> None:
        """Return when who is attached to the function debugs it, or it has ended."""
        if self._resources.debug_server is not None:
            await self._resources.debug_server.attach_process(
                self._configuration.name, self._debug_port
            )

    @property
    def is_polling(self) -> bool:
        """Whether the runtime waits for an event."""
        return self._poll is not None

    def on_poll(self, api: RuntimeApiConnection) -> None:
        """Remember where the runtime waits for an event."""
        self._poll = api

    def start_handler_load(self) -> None:
        """Let the process load the handler."""
        if self._process is not None:
            self._is_started = True
            self._process.start_handler_load(self._on_output)

    def deliver(self, timeout: float) -> None:
        """Give the runtime, which waits, the event; the handler has `timeout` seconds."""
        poll, self._poll = self._poll, None
        deadline = time.time() + (timeout if self._resources.debug_server is None else _DAY)
        if poll is not None and self.invocation is not None:
            headers = event_headers(self.invocation, self._configuration, int(deadline * 1000))
            poll.reply(200, headers, self.invocation.payload)

    def signal(self, number: signal.Signals) -> None:
        """Send the process, and all that it started, a signal."""
        if self._process is not None:
            self._process.signal(number)

    def drain(self, *, last: bool = False) -> None:
        """Tell what the function has written so far; at the `last`, a line without its end too."""
        if self._process is not None and self._is_started:
            self._emit(self._process.read_records(last=last))

    def _on_output(self, size: int) -> None:
        if self._process is not None:
            self._emit(self._process.read_records(size))

    def _emit(self, records: Iterable[bytes]) -> None:
        for record in records:
            self._listener.function_log(record, self.invocation)

    def measure_resident(self) -> int:
        """Bytes of memory that the process and what it started have in use now."""
        now = 0 if self._process is None else self._process.resident_bytes()
        self.max_memory_bytes = max(self.max_memory_bytes, now)
        return now

    def measure_peak(self) -> None:
        """Bring `max_memory` up to date, in bytes; nobody knows it when the process has ended."""
        if self._process is not None:
            self.max_memory_bytes = max(self.max_memory_bytes, self._process.peak_bytes())

    @property
    def max_memory_mb(self) -> int:
        """The same in MB, as AWS reports it."""
        return round(self.max_memory_bytes / _MB)

    def read_init_message(self) -> InitMessage:
        """Return what the process says of its init."""
        return (
            InitMessage()
            if self._process is None
            else init_message.parse_init_message(self._process.read_init_message())
        )

    def close(self) -> None:
        """Give back what is left when the process has ended."""
        self._ready.set()
        if self._process is not None:
            self._process.close()
        if self._server is not None:
            self._server.close()
