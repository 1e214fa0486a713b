"""The debuggers' ports of all functions, a port for each."""

import itertools
import socket
from collections.abc import Callable, Mapping

from lambda_live.debugger.endpoint import DebugEndpoint

HOST = "127.0.0.1"
DEFAULT_PORT = 5678
"""As launch configurations have it (https://code.visualstudio.com/docs/python/debugging)."""

_MAX_PORTS_TRIED = 100


class DebugServer:
    """The function that comes first has the first port, each further one the next."""

    def __init__(self, first_port: int, listeners: Mapping[str, socket.socket]) -> None:
        """
        Take a listening socket for each function of the start.

        A function that is added later gets the next free port, or any if `first_port` is 0.
        """
        self._first_port = first_port
        self._listeners = dict(listeners)
        self._functions: set[str] = set()
        self._endpoints: dict[str, DebugEndpoint] = {}
        self._log: Callable[[str], None] | None = None

    async def start(self, log: Callable[[str], None]) -> None:
        """Accept connections of debuggers; `log` gets the address of each function added later."""
        self._log = log
        for name, listener in self._listeners.items():
            await self._open(name, listener)

    async def _open(self, function: str, listener: socket.socket) -> DebugEndpoint:
        debugging = self._endpoints[function] = DebugEndpoint(listener)
        await debugging.start()
        return debugging

    @property
    def addresses(self) -> str:
        """Which function's debugger listens where, for a person."""
        places = {name: f"{HOST}:{each.port}" for name, each in self._endpoints.items()}
        if len(places) == 1:
            return f"a debugger attaches at {''.join(places.values())}"
        return "debuggers attach: " + ", ".join(f"{at} {name}" for name, at in places.items())

    @property
    def is_attached(self) -> bool:
        """Whether a debugger is attached to any function."""
        return any(each.is_attached for each in self._endpoints.values())

    def enable(self, function: str) -> None:
        """Let a function be debugged."""
        self._functions.add(function)

    async def attach_process(self, function: str, port: int) -> None:
        """Return when who is attached to a function debugs its process at that port."""
        if function not in self._functions:
            return
        debugging = self._endpoints.get(function) or await self._open_next_port(function)
        if debugging is not None:
            await debugging.attach_process(port)

    async def _open_next_port(self, function: str) -> DebugEndpoint | None:
        """Have a port for a function that has come since the start, if one is free."""
        taken = [each.port for each in self._endpoints.values()]
        ports = itertools.count(self._first_port) if self._first_port else itertools.repeat(0)
        for port in itertools.islice(ports, _MAX_PORTS_TRIED):
            if port in taken:
                continue
            try:
                listener = socket.create_server((HOST, port))
            except OSError:
                continue
            debugging = await self._open(function, listener)
            if self._log is not None:
                self._log(f"a debugger attaches to {function} at {HOST}:{debugging.port}")
            return debugging
        return None

    def disable(self, function: str) -> None:
        """Hang up on who debugs a function, and give its port back."""
        self._functions.discard(function)
        if (debugging := self._endpoints.pop(function, None)) is not None:
            debugging.stop()

    def stop(self) -> None:
        """Hang up."""
        for function in list(self._endpoints):
            self.disable(function)
