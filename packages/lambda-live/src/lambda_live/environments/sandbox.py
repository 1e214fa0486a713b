"""What an environment is made of: a process, its Runtime API, and what it writes."""

import asyncio
import contextlib
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterable

from lambda_live.environments import init_message
from lambda_live.environments.init_message import Told
from lambda_live.environments.process import Process
from lambda_live.environments.runtime_api import RuntimeApi, RuntimeCalls, event_headers
from lambda_live.environments.shared_resources import Host
from lambda_live.environments.variables import of_one
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
        host: Host,
        *,
        ahead: str,
    ) -> None:
        self._host = host
        self._ahead = ahead
        self._ready = asyncio.Event()
        self._begun = False
        self.max_memory = 0
        self.invocation: Invocation | None = None
        self._configuration = configuration
        self._listener = listener
        self._debugged_at = 0
        self._process: Process | None = None
        self._server: asyncio.Server | None = None
        self._poll: RuntimeApi | None = None

    async def spawn(self, runtime: RuntimeCalls, exited: Callable[[int], None]) -> None:
        """
        Start the process; `exited` is told of its end, whatever comes.

        Raises OSError; `close` gives back what was had by then.
        """
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        poller = secrets.token_hex(16)
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: RuntimeApi(runtime, poller), sock=listener
            )
        except BaseException:
            listener.close()
            raise
        init_message = of_one(port) | {
            "_LAMBDA_LIVE_POLLER": poller,
            "_LAMBDA_LIVE_AHEAD": self._ahead,
        }
        with contextlib.ExitStack() as handed_over:
            debugged = None
            if self._host.debuggers is not None:
                debugged = handed_over.enter_context(socket.create_server(("127.0.0.1", 0)))
                self._debugged_at = debugged.getsockname()[1]
            self._process = await Process.start(
                self._configuration, init_message, debugged, self._host.zygotes
            )
        self._process.watch(self._ready.set if self._ahead else None, exited)

    async def ready(self) -> None:
        """Return when it has imported what is wanted ahead, or has ended."""
        if self._ahead:
            await self._ready.wait()

    async def debugged(self) -> None:
        """Return when who is attached to the function debugs it, or it has ended."""
        if self._host.debuggers is not None:
            await self._host.debuggers.offer(self._configuration.name, self._debugged_at)

    @property
    def polls(self) -> bool:
        """Whether the runtime waits for an event."""
        return self._poll is not None

    def polled(self, api: RuntimeApi) -> None:
        """Remember where the runtime waits for an event."""
        self._poll = api

    def begin(self) -> None:
        """Let the process load the handler."""
        if self._process is not None:
            self._begun = True
            self._process.begin(self._read)

    def deliver(self, timeout: float) -> None:
        """Give the runtime, which waits, the event; the handler has `timeout` seconds."""
        poll, self._poll = self._poll, None
        deadline = time.time() + (timeout if self._host.debuggers is None else _DAY)
        if poll is not None and self.invocation is not None:
            headers = event_headers(self.invocation, self._configuration, int(deadline * 1000))
            poll.reply(200, headers, self.invocation.payload)

    def signal(self, number: signal.Signals) -> None:
        """Send the process, and all that it started, a signal."""
        if self._process is not None:
            self._process.signal(number)

    def drain(self, *, last: bool = False) -> None:
        """Tell what the function has written so far; at the `last`, a line without its end too."""
        if self._process is not None and self._begun:
            self._tell(self._process.records(last=last))

    def _read(self, size: int) -> None:
        if self._process is not None:
            self._tell(self._process.records(size))

    def _tell(self, records: Iterable[bytes]) -> None:
        for record in records:
            self._listener.function_log(record, self.invocation)

    def memory(self) -> int:
        """Bytes of memory that the process and what it started have in use now."""
        now = 0 if self._process is None else self._process.resident()
        self.max_memory = max(self.max_memory, now)
        return now

    def measure(self) -> None:
        """Bring `max_memory` up to date, in bytes; nobody knows it when the process has ended."""
        if self._process is not None:
            self.max_memory = max(self.max_memory, self._process.peak())

    @property
    def max_memory_mb(self) -> int:
        """The same in MB, as AWS reports it."""
        return round(self.max_memory / _MB)

    def told(self) -> Told:
        """Return what the process says of its init."""
        return Told() if self._process is None else init_message.read(self._process.told())

    def close(self) -> None:
        """Give back what is left when the process has ended."""
        self._ready.set()
        if self._process is not None:
            self._process.close()
        if self._server is not None:
            self._server.close()
