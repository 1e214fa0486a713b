"""Where lines go: the terminal that the service runs in, and whoever follows it from elsewhere."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from wcwidth import width

from lambda_live.terminal.style import coloured, cut, dim, plain
from lambda_live.terminal.wrap import fold

_WIDTH = 80
_WAITING = 1000
"""Lines that wait for a follower who does not read."""


def columns_of(descriptor: int) -> int | None:
    """Return how many columns the terminal has now, or None of what is none or does not say."""
    try:
        return os.get_terminal_size(descriptor).columns or None
    except OSError:
        return None


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
        self._unfinished = self._settled = ""
        self._followers: set[Follower] = set()
        self._state = ""

    @property
    def seen(self) -> bool:
        """Whether anybody looks."""
        return self._out is not None or bool(self._followers)

    @property
    def here(self) -> bool:
        """Whether there is a terminal that this service runs in."""
        return self._out is not None

    @property
    def width(self) -> int:
        """How many columns a line is made for."""
        return columns_of(self._descriptor) or _WIDTH

    def print(self, lines: Iterable[str]) -> None:
        """Add lines, below one that is unfinished."""
        lines = list(lines)
        if lines:
            self._write("\n" * bool(self._unfinished) + self._folded(lines))
            self._unfinished = ""
            self._tell("".join(f"{line}\n" for line in lines))

    def begin(self, line: str, more: str, *, instead: bool = False) -> None:
        """
        Add a line whose end is not known yet, or put it in place of one that was begun.

        When another one begins, it is without more.
        """
        before = "\n" if self._unfinished else ""
        if before and self._can_rewrite(self._unfinished):
            before = "\r\x1b[2K" if instead else f"\r\x1b[2K{self._settled}\n"
        self._settled, self._unfinished = line, cut(line + more, self.width)
        self._write(before + self._unfinished)

    def _can_rewrite(self, line: str) -> bool:
        """Whether it can be taken back: it is still one row."""
        return self._colour and width(line) <= self.width

    def finish(self, whole: str, rest: str) -> None:
        """Write the whole line in place of what was begun; if others came since, the rest below."""
        self._tell(f"{whole}\n")
        begun, self._unfinished = self._unfinished, ""
        if not begun:
            self._write(self._folded([rest]))
        elif self._can_rewrite(begun):
            self._write(f"\r\x1b[2K{self._folded([whole])}")
        else:
            self._write(f"\n{self._folded([whole])}")

    def signal(self, title: str, *, bell: bool) -> None:
        """Set the terminal's title, and ring."""
        if self._colour and self._out is not None:
            self._out(f"\x1b]2;{title}\x07{'\a' * bell}".encode("utf-8", "replace"))

    def format_lost_message(self, count: int) -> bytes:
        """Return the line that says how many others nobody read."""
        return f"{dim(f'… {count} lines were not read')}\n".encode()

    def _folded(self, lines: Iterable[str]) -> str:
        """Return them as a terminal shows them best; what is none gets lines as they are."""
        columns = columns_of(self._descriptor)
        rows = lines if columns is None else (row for line in lines for row in fold(line, columns))
        return "".join(f"{row}\n" for row in rows)

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
