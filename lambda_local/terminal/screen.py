"""Where lines go: the terminal that the service runs in, and whoever follows it from elsewhere."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from lambda_local.terminal.style import coloured, dim, plain

_WIDTH = 80
_WAITING = 1000
"""Lines that wait for a follower who does not read."""


class Follower:
    """Somebody who looks from elsewhere; who does not read loses the oldest lines."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue(_WAITING)

    def put(self, text: str) -> None:
        """Give it lines; none of them is the end."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(text)

    async def lines(self) -> AsyncIterator[str]:
        """Yield what is given, up to the end."""
        while text := await self._queue.get():
            yield text


class Screen:
    """Prints whole lines; the last may be unfinished, and is then finished in its place."""

    def __init__(self, out: Callable[[bytes], None] | None, descriptor: int) -> None:
        """Without `out` nobody but followers sees anything."""
        self._out = out
        self._descriptor = descriptor
        self._colour = coloured()
        self._unfinished = False
        self._followers: set[Follower] = set()
        self._state = ""

    @property
    def seen(self) -> bool:
        """Whether anybody looks."""
        return self._out is not None or bool(self._followers)

    @property
    def width(self) -> int:
        """How many columns there are."""
        try:
            return os.get_terminal_size(self._descriptor).columns or _WIDTH
        except OSError:
            return _WIDTH

    def print(self, lines: Iterable[str]) -> None:
        """Add lines, below one that is unfinished."""
        text = "".join(f"{line}\n" for line in lines)
        if text:
            self._write("\n" * self._unfinished + text)
            self._unfinished = False
            self._tell(text)

    def begin(self, line: str) -> None:
        """Add a line whose end is not known yet; followers get it as it is."""
        self._write("\n" * self._unfinished + line)
        self._unfinished = True

    def finish(self, whole: str, rest: str) -> None:
        """Write the whole line in place of what was begun; if others came since, the rest below."""
        self._tell(f"{whole}\n")
        if self._unfinished:
            self._write(f"\r\x1b[2K{whole}\n" if self._colour else f"{plain(whole)}\n")
            self._unfinished = False
        else:
            self._write(f"{rest}\n")

    def signal(self, title: str, *, bell: bool) -> None:
        """Set the terminal's title, and ring."""
        if self._colour and self._out is not None:
            self._out(f"\x1b]2;{title}\x07{'\a' * bell}".encode("utf-8", "replace"))

    def lost(self, count: int) -> bytes:
        """Return the line that says how many others nobody read."""
        return f"{dim(f'… {count} lines were not read')}\n".encode()

    def _write(self, text: str) -> None:
        if self._out is not None:
            self._out((text if self._colour else plain(text)).encode("utf-8", "replace"))

    def _tell(self, text: str) -> None:
        for follower in self._followers:
            follower.put(text)

    def print_state(self, lines: Sequence[str]) -> None:
        """Add lines that who begins to look later is to see first."""
        self.print(lines)
        self._state = "".join(f"{line}\n" for line in lines)

    def follow(self) -> Follower:
        """Return who is given all that is printed from now on, and first how the code is."""
        follower = Follower()
        if self._state:
            follower.put(self._state)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """Give it no more, and let it end."""
        self._followers.discard(follower)
        follower.put("")

    def close(self) -> None:
        """Let every follower end."""
        for follower in set(self._followers):
            self.leave(follower)
