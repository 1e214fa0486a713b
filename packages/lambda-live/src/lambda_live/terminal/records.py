"""
What a function wrote to its log, as short as a person wants it.

Sources: `awslambdaric.bootstrap` (its text and JSON lines), and for the keys of JSON lines
https://docs.aws.amazon.com/powertools/python/latest/core/logger/#standard-structured-keys.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wcwidth import clip, width

from lambda_live.telemetry.sanitize import harmless

_LOGGED = re.compile(rb"\[(?P<level>[A-Z]+)\]\t\S+\t[^\t]*\t(?P<message>.*)", re.DOTALL)
_WORD = re.compile(r"[^\s\"=]+")
_WARNING = b"LAMBDA_WARNING: "
_ERROR = b"[ERROR] "  # logging's own has a tab there
_TRACEBACK = b"Traceback (most recent call last):"
_CLIENTS = (b"/awslambdaric/", b"/environments/runtime_process/")
_MESSAGES = ("message", "msg", "event")
_KNOWN = {
    # whose invocation it is, when and where: the line above has it, or nobody asks
    *("level", "levelname", "severity", "log_level", "logger", "logger_name", "name", "location"),
    *("timestamp", "time", "date", "asctime", "ts", "@timestamp", "requestId", "request_id"),
    *("AWSRequestId", "service", "cold_start", "xray_trace_id", "correlation_id", "taskName"),
    *("function_name", "function_memory_size", "function_arn", "function_request_id"),
}
_LONGEST = 400
"""Characters, and columns, that are shown of a line."""

_END = 20
"""Lines that are shown of a record's beginning and of its end."""


def of_runtime(record: bytes) -> bool:
    """Whether AWS's client wrote it, of an error that is told in another way."""
    if record.startswith(_ERROR) or _WARNING in record[:200]:
        return True
    value = _object(record)
    return value is not None and {"errorType", "stackTrace", "level"} <= value.keys() - _MESSAGES


def without_crash_of_client(records: Sequence[bytes]) -> list[bytes]:
    """Leave out at the end how AWS's client itself went down, as of an answer that is too large."""
    traceback = [at for at, record in enumerate(records) if record.startswith(_TRACEBACK)]
    if not traceback:
        return list(records)
    frames = [each for each in records[traceback[-1] :] if each.startswith(b'  File "')]
    of_client = frames and all(any(own in each for own in _CLIENTS) for each in frames)
    return list(records[: traceback[-1]] if of_client else records)


def lines_of(record: bytes) -> Iterator[str]:
    """Yield the lines that a person is shown of it."""
    value = _object(record)
    if value is not None and any(name in value for name in _MESSAGES):
        yield from _shortened(value)
        return
    match = _LOGGED.fullmatch(record)
    if match is not None:
        record = match["level"] + b" " + match["message"].removesuffix(b"\n")
    yield from _split(record.decode("utf-8", "replace"))


def _object(record: bytes) -> dict[str, Any] | None:
    if not record.startswith(b"{"):
        return None
    try:
        value = json.loads(record)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _shortened(value: Mapping[str, Any]) -> Iterator[str]:
    level = str(value.get("level") or value.get("levelname") or value.get("severity") or "")
    at = next(name for name in _MESSAGES if name in value)
    more = {
        name: each
        for name, each in value.items()
        if name not in _KNOWN and name != at and each is not None
    }
    long = {name: text for name, text in more.items() if isinstance(text, str) and "\n" in text}
    fields = [f"{name}={_field(each)}" for name, each in more.items() if name not in long]
    yield from _split(" ".join(filter(None, (level.upper(), _text(value[at]), *fields))))
    for text in long.values():  # a traceback
        yield from _split(text)


def _field(value: object) -> str:
    """Return it such that one ends where another begins."""
    is_word = isinstance(value, str) and _WORD.fullmatch(value)
    return str(value) if is_word else json.dumps(value, ensure_ascii=False)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _split(text: str) -> Iterator[str]:
    lines = text.split("\n")
    left_out = len(lines) - 2 * _END
    if left_out <= 0:
        yield from map(_bounded, lines)
        return
    yield from map(_bounded, lines[:_END])
    yield f"… {left_out:,} more lines"
    yield from map(_bounded, lines[-_END:])  # a traceback says there what happened


def _bounded(line: str) -> str:
    shown = harmless(line[:_LONGEST])
    rest = max(0, len(line) - _LONGEST)
    if width(shown) > _LONGEST:
        whole, shown = shown, clip(shown, 0, _LONGEST)
        rest += len(whole) - len(shown)
    return f"{shown}… {rest:,} more characters" if rest else shown
