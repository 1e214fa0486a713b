"""
Show what a function writes to its log, shortened for a person.

`LogPreview` collects the records of one invocation. If the invocation takes longer than a second,
it prints them while the function runs.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence

from wcwidth import clip, width

from lambda_live.telemetry.log_message import is_runtime_error, parse_log_message
from lambda_live.telemetry.sanitize import sanitize
from lambda_live.terminal.text import dim

MAX_RECORDS = 50
"""Records shown of an invocation, or of each second of a long one."""

_LONG_INVOCATION_SECONDS = 1.0
"""After this time, an invocation's records are shown while it runs."""

_TRACEBACK = b"Traceback (most recent call last):"
_RUNTIME_CLIENT_PATHS = (b"/awslambdaric/", b"/environments/runtime_process/")
_MAX_LINE_COLUMNS = 400
"""Characters and columns shown of a line."""

_MAX_END_LINES = 20
"""Lines shown of the start of a record, and as many of its end."""


class LogPreview:
    """Collects the log records of one invocation, and counts those above the limit."""

    def __init__(self, on_long: Callable[[], None], show: Callable[[Iterable[str]], None]) -> None:
        """`on_long` is called once, before the first records of a long invocation are shown."""
        self._on_long = on_long
        self._show = show
        self._records: list[bytes] = []
        self._remaining = MAX_RECORDS
        self._omitted = 0
        self._is_long = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Show the records from time to time if the invocation is long."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LONG_INVOCATION_SECONDS, self._on_timer)

    def __len__(self) -> int:
        """Return how many records wait for the line of the invocation."""
        return len(self._records)

    def add(self, record: bytes) -> None:
        """Add a record."""
        if self._remaining == 0:
            self._omitted += 1
            return
        self._remaining -= 1
        if not self._is_long:
            self._records.append(record)
        elif not is_runtime_error(record):
            self._show(format_records([record]))

    def _on_timer(self) -> None:
        if not self._is_long:
            self._is_long = True
            self._on_long()
        self._show(self._pop_lines(include_runtime_errors=True))
        self._remaining = MAX_RECORDS
        self.start()

    def finish(self, *, failed: bool) -> list[str]:
        """
        Return the lines that were not shown yet.

        After an error they exclude the runtime client's report of it, because the terminal shows
        the error itself.
        """
        if self._timer is not None:
            self._timer.cancel()
        return self._pop_lines(include_runtime_errors=not failed)

    def _pop_lines(self, *, include_runtime_errors: bool) -> list[str]:
        records, self._records = self._records, []
        omitted, self._omitted = self._omitted, 0
        lines = format_records(
            each for each in records if include_runtime_errors or not is_runtime_error(each)
        )
        return [*lines, dim(f"  … {omitted:,} more lines")] if omitted else lines


def format_records(records: Iterable[bytes]) -> list[str]:
    """Return records as dim lines, indented below the line of their invocation."""
    return [dim(f"  {line}") for record in records for line in format_record(record)]


def drop_client_traceback(records: Sequence[bytes]) -> list[bytes]:
    """
    Remove a traceback of AWS's runtime client from the end of the records.

    The client writes one when it crashes itself, for example when a response is too large.
    """
    tracebacks = [at for at, record in enumerate(records) if record.startswith(_TRACEBACK)]
    if not tracebacks:
        return list(records)
    frames = [each for each in records[tracebacks[-1] :] if each.startswith(b'  File "')]
    is_client = frames and all(
        any(path in frame for path in _RUNTIME_CLIENT_PATHS) for frame in frames
    )
    return list(records[: tracebacks[-1]] if is_client else records)


def format_record(record: bytes) -> Iterator[str]:
    """Yield the lines of a record: level, message, and the function's own fields."""
    message = parse_log_message(record)
    yield from _split_lines(" ".join(filter(None, (message.level, message.text, *message.fields))))
    for text in message.details:
        yield from _split_lines(text)


def _split_lines(text: str) -> Iterator[str]:
    lines = text.split("\n")
    omitted = len(lines) - 2 * _MAX_END_LINES
    if omitted <= 0:
        yield from map(_shorten, lines)
        return
    yield from map(_shorten, lines[:_MAX_END_LINES])
    yield f"… {omitted:,} more lines"
    yield from map(_shorten, lines[-_MAX_END_LINES:])  # a traceback ends with its error


def _shorten(line: str) -> str:
    shown = sanitize(line[:_MAX_LINE_COLUMNS])
    omitted = max(0, len(line) - _MAX_LINE_COLUMNS)
    if width(shown) > _MAX_LINE_COLUMNS:
        whole, shown = shown, clip(shown, 0, _MAX_LINE_COLUMNS)
        omitted += len(whole) - len(shown)
    return f"{shown}… {omitted:,} more characters" if omitted else shown
