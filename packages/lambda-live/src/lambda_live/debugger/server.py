"""The debuggers' ports of all functions, a port for each."""

import itertools
import socket
from collections.abc import Callable, Iterable

from lambda_live.debugger.endpoint import Debugging

HOST = "127.0.0.1"
PORT = 5678
"""As launch configurations have it (https://code.visualstudio.com/docs/python/debugging)."""

_TRIES = 100


class Debuggers:
    """The function that comes first has the first port, each further one the next."""

    def __init__(self, first: int) -> None:
        """With 0 for the first, each has any port that is free."""
        self._first = first
        self._functions: set[str] = set()
        self._of: dict[str, Debugging] = {}
        self.said: Callable[[str], None] = lambda _: None

    async def start(
        self, names: Iterable[str], listen: Callable[[str, int], socket.socket]
    ) -> None:
        """Let debuggers attach to the functions that there are at the start."""
        for at, name in enumerate(names):
            await self._open(name, listen(HOST, self._first and self._first + at))

    async def _open(self, function: str, listener: socket.socket) -> Debugging:
        debugging = self._of[function] = Debugging(listener)
        await debugging.start()
        return debugging

    @property
    def places(self) -> str:
        """Which function's debugger listens where, for a person."""
        places = {name: f"{HOST}:{each.listens_at}" for name, each in self._of.items()}
        if len(places) == 1:
            return f"a debugger attaches at {''.join(places.values())}"
        return "debuggers attach: " + ", ".join(f"{at} {name}" for name, at in places.items())

    @property
    def attached(self) -> bool:
        """Whether a debugger is attached to any function."""
        return any(each.attached for each in self._of.values())

    def join(self, function: str) -> None:
        """Let a function be debugged."""
        self._functions.add(function)

    async def offer(self, function: str, port: int) -> None:
        """Return when who is attached to a function debugs its process at that port."""
        if function not in self._functions:
            return
        debugging = self._of.get(function) or await self._new(function)
        if debugging is not None:
            await debugging.offer(port)

    async def _new(self, function: str) -> Debugging | None:
        """Have a port for a function that has come since the start, if one is free."""
        taken = [each.listens_at for each in self._of.values()]
        ports = itertools.count(self._first) if self._first else itertools.repeat(0)
        for port in itertools.islice(ports, _TRIES):
            if port in taken:
                continue
            try:
                listener = socket.create_server((HOST, port))
            except OSError:
                continue
            debugging = await self._open(function, listener)
            self.said(f"a debugger attaches to {function} at {HOST}:{debugging.listens_at}")
            return debugging
        return None

    def leave(self, function: str) -> None:
        """Hang up on who debugs a function, and give its port back."""
        self._functions.discard(function)
        if (debugging := self._of.pop(function, None)) is not None:
            debugging.stop()

    def stop(self) -> None:
        """Hang up."""
        for function in list(self._of):
            self.leave(function)
