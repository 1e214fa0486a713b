"""Print lines to the terminal of the service, and to clients that follow it over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from wcwidth import width

from lambda_live.terminal.text import (
    dim,
    strip_styles,
    terminal_width,
    truncate,
    use_color,
    wrap_line,
)

_DEFAULT_COLUMNS = 80
_MAX_QUEUED_TEXTS = 1000
"""Texts that wait for a client that does not read."""

_CLEAR_LINE = "\r\x1b[2K"


class Subscriber:
    """One client that follows the terminal. If it does not read, it loses the oldest lines."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue(_MAX_QUEUED_TEXTS)

    def put(self, text: str) -> None:
        """Queue lines. An empty text ends the stream."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(text)

    async def lines(self) -> AsyncIterator[str]:
        """Yield the queued lines until the end of the stream."""
        while text := await self._queue.get():
            yield text


class Screen:
    """
    Prints whole lines.

    The last line may be unfinished: `start_line` prints it, `finish_line` replaces it.
    """

    def __init__(self, out: Callable[[bytes], None] | None, descriptor: int) -> None:
        """Without `out`, only subscribers see the lines."""
        self._out = out
        self._descriptor = descriptor
        self._color = use_color()
        self._unfinished = self._without_progress = ""
        self._subscribers: set[Subscriber] = set()
        self._state = ""

    @property
    def has_viewers(self) -> bool:
        """Whether there is a terminal or a subscriber."""
        return self._out is not None or bool(self._subscribers)

    @property
    def is_attached(self) -> bool:
        """Whether the service itself runs in a terminal."""
        return self._out is not None

    @property
    def width(self) -> int:
        """The columns of a line."""
        return terminal_width(self._descriptor) or _DEFAULT_COLUMNS

    def print(self, lines: Iterable[str]) -> None:
        """Print lines, below an unfinished one."""
        lines = list(lines)
        if lines:
            self._write("\n" * bool(self._unfinished) + self._wrapped(lines))
            self._unfinished = ""
            self._publish("".join(f"{line}\n" for line in lines))

    def start_line(self, line: str, progress: str, *, replace: bool = False) -> None:
        """
        Print an unfinished line and its progress text, or replace an unfinished one.

        When the next line starts, this one loses its progress text.
        """
        before = "\n" if self._unfinished else ""
        if before and self._can_rewrite(self._unfinished):
            before = _CLEAR_LINE if replace else f"{_CLEAR_LINE}{self._without_progress}\n"
        self._without_progress = line
        self._unfinished = truncate(line + progress, self.width)
        self._write(before + self._unfinished)

    def show_progress(self, progress: str) -> None:
        """Replace the progress text of the unfinished line, if no other line followed it."""
        if self._unfinished and self._can_rewrite(self._unfinished):
            self._unfinished = truncate(self._without_progress + progress, self.width)
            self._write(f"{_CLEAR_LINE}{self._unfinished}")

    def _can_rewrite(self, line: str) -> bool:
        """Return whether a line can be cleared: it must fit into one row."""
        return self._color and width(line) <= self.width

    def finish_line(self, line: str, short_line: str) -> None:
        """Replace the unfinished line. If other lines followed it, print the short one instead."""
        self._publish(f"{line}\n")
        unfinished, self._unfinished = self._unfinished, ""
        if not unfinished:
            self._write(self._wrapped([short_line]))
        elif self._can_rewrite(unfinished):
            self._write(f"{_CLEAR_LINE}{self._wrapped([line])}")
        else:
            self._write(f"\n{self._wrapped([line])}")

    def set_title(self, title: str, *, bell: bool) -> None:
        """Set the terminal's title. With `bell`, also ring the terminal's bell."""
        if self._color and self._out is not None:
            self._out(f"\x1b]2;{title}\x07{'\a' * bell}".encode("utf-8", "replace"))

    def _wrapped(self, lines: Iterable[str]) -> str:
        """Wrap lines for the terminal. Output that is not a terminal gets them unchanged."""
        columns = terminal_width(self._descriptor)
        if columns is not None:
            lines = [row for line in lines for row in wrap_line(line, columns)]
        return "".join(f"{row}\n" for row in lines)

    def _write(self, text: str) -> None:
        if self._out is not None:
            self._out((text if self._color else strip_styles(text)).encode("utf-8", "replace"))

    def _publish(self, text: str) -> None:
        for subscriber in self._subscribers:
            subscriber.put(text)

    def print_state(self, lines: Sequence[str]) -> None:
        """Print the state of the code. New subscribers get it first."""
        self.print(lines)
        self._state = "".join(f"{line}\n" for line in lines)

    def subscribe(self) -> Subscriber:
        """Add a subscriber for the state of the code and all lines from now on."""
        subscriber = Subscriber()
        if self._state:
            subscriber.put(self._state)
        self._subscribers.add(subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Remove a subscriber and end its stream."""
        self._subscribers.discard(subscriber)
        subscriber.put("")

    def close(self) -> None:
        """End the streams of all subscribers."""
        for subscriber in set(self._subscribers):
            self.unsubscribe(subscriber)


def format_lost_message(count: int) -> bytes:
    """Return the line that replaces lines which the terminal did not read in time."""
    return f"{dim(f'… {count} lines dropped, the terminal did not read them')}\n".encode()
