"""
A debugger proxy: one fixed port for each function, whichever process runs its code.

Problem: debugpy listens inside the process that it debugs. This service replaces that process after
each save, crash or idle time. An editor that is connected to debugpy directly would lose its
session, and its breakpoints, each time.

How it works: an editor connects to this server, which connects to the process's own debugpy port
and forwards messages in both directions. `SessionSetup` records the requests that configure the
session. When the next process starts, the proxy repeats them there, and only then is the handler
loaded, so breakpoints work from the first line. The editor only sees that threads exit and start.

Without it, debugging works until the first save. Processes accept DAP clients only: see
`environments/runtime_process/debugger.py`.

Source: https://microsoft.github.io/debug-adapter-protocol/overview
"""

import asyncio
import itertools
import socket
from collections.abc import Callable, Mapping

from lambda_live.debugger.session import Session

HOST = "127.0.0.1"
DEFAULT_PORT = 5678
"""The port of launch configurations (https://code.visualstudio.com/docs/python/debugging)."""

_MAX_PORTS_TRIED = 100


class DebugEndpoint:
    """Debugger port of one function. Connects the attached debugger to each process."""

    def __init__(self, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._session: Session | None = None
        self._process_port: int | None = None

    @property
    def is_attached(self) -> bool:
        """Whether a debugger is attached."""
        return self._session is not None

    async def start(self) -> None:
        """Accept debuggers."""
        self._server = await asyncio.start_server(self._on_connection, sock=self._listener)

    async def _on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        session = Session(reader, writer, self._on_session_started)
        await session.run()
        if self._session is session:
            self._session = None

    async def _on_session_started(self, session: Session) -> None:
        """Replace the attached debugger by a new one."""
        if self._session is not None:
            self._session.close()
        self._session = session
        if self._process_port is not None:
            await session.attach_process(self._process_port)

    async def attach_process(self, port: int) -> None:
        """Wait until the attached debugger, if there is one, controls the process at `port`."""
        self._process_port = port
        if self._session is not None:
            await self._session.attach_process(port)

    def stop(self) -> None:
        """Close the port and the session."""
        if self._session is not None:
            self._session.close()
        if self._server is not None:
            self._server.close()


class DebugServer:
    """Debugger ports of all functions. The first function has the first port, and so on."""

    def __init__(self, first_port: int, listeners: Mapping[str, socket.socket]) -> None:
        """
        Take a listening socket for each function that exists at the start.

        A function that is added later gets the next free port, or any if `first_port` is 0.
        """
        self._first_port = first_port
        self._listeners = dict(listeners)
        self._functions: set[str] = set()
        self._endpoints: dict[str, DebugEndpoint] = {}
        self._log: Callable[[str], None] | None = None

    async def start(self, log: Callable[[str], None]) -> None:
        """Accept debuggers. `log` gets the address of each function that is added later."""
        self._log = log
        for name, listener in self._listeners.items():
            await self._open(name, listener)

    async def _open(self, function: str, listener: socket.socket) -> DebugEndpoint:
        endpoint = self._endpoints[function] = DebugEndpoint(listener)
        await endpoint.start()
        return endpoint

    @property
    def addresses(self) -> str:
        """Message with the address of each function's debugger."""
        addresses = {name: f"{HOST}:{each.port}" for name, each in self._endpoints.items()}
        if len(addresses) == 1:
            return f"Debugger listening on {''.join(addresses.values())}"
        items = (f"{address} ({name})" for name, address in addresses.items())
        return f"Debuggers listening on {', '.join(items)}"

    @property
    def is_attached(self) -> bool:
        """Whether a debugger is attached to any function."""
        return any(endpoint.is_attached for endpoint in self._endpoints.values())

    def enable(self, function: str) -> None:
        """Allow debugging of a function."""
        self._functions.add(function)

    async def attach_process(self, function: str, port: int) -> None:
        """Wait until the function's attached debugger controls its process at `port`."""
        if function not in self._functions:
            return
        endpoint = self._endpoints.get(function) or await self._open_next_port(function)
        if endpoint is not None:
            await endpoint.attach_process(port)

    async def _open_next_port(self, function: str) -> DebugEndpoint | None:
        """Open the first free port, for a function that was added after the start."""
        used = [endpoint.port for endpoint in self._endpoints.values()]
        ports = itertools.count(self._first_port) if self._first_port else itertools.repeat(0)
        for port in itertools.islice(ports, _MAX_PORTS_TRIED):
            if port in used:
                continue
            try:
                listener = socket.create_server((HOST, port))
            except OSError:
                continue
            endpoint = await self._open(function, listener)
            if self._log is not None:
                self._log(f"Debugger for {function} listening on {HOST}:{endpoint.port}")
            return endpoint
        return None

    def disable(self, function: str) -> None:
        """Close the port and the session of a function."""
        self._functions.discard(function)
        if (endpoint := self._endpoints.pop(function, None)) is not None:
            endpoint.stop()

    def stop(self) -> None:
        """Close all ports and sessions."""
        for function in list(self._endpoints):
            self.disable(function)
