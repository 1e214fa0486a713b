"""
The parts of a record that a function wrote to its log, as the terminal and the page show them.

Sources: `awslambdaric.bootstrap` (the text and JSON lines of AWS's runtime client), and for the
keys of JSON lines
https://docs.aws.amazon.com/powertools/python/latest/core/logger/#standard-structured-keys.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_TEXT_RECORD = re.compile(rb"\[(?P<level>[A-Z]+)\]\t\S+\t[^\t]*\t(?P<message>.*)", re.DOTALL)
_WORD = re.compile(r"[^\s\"=]+")
_RUNTIME_WARNING = b"LAMBDA_WARNING: "
_RUNTIME_ERROR = b"[ERROR] "  # a record of Python's logging has a tab there
_MESSAGE_KEYS = ("message", "msg", "event")
_HIDDEN_KEYS = {
    # the invocation shows these, or they do not help to find an error
    *("level", "levelname", "severity", "log_level", "logger", "logger_name", "name", "location"),
    *("timestamp", "time", "date", "asctime", "ts", "@timestamp", "requestId", "request_id"),
    *("AWSRequestId", "service", "cold_start", "xray_trace_id", "correlation_id", "taskName"),
    *("function_name", "function_memory_size", "function_arn", "function_request_id"),
}


class LogMessage(NamedTuple):
    """
    A record in parts.

    `fields` are the function's own, such as `id=7`. `details` are texts with more than one line,
    such as a traceback. A plain text has no level.
    """

    level: str
    text: str
    fields: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


def parse_log_message(record: bytes) -> LogMessage:
    """Return the parts of a record of a logger, or a plain text."""
    value = _parse_object(record)
    if value is not None and any(name in value for name in _MESSAGE_KEYS):
        return _parse_fields(value)
    if match := _TEXT_RECORD.fullmatch(record):
        text = match["message"].removesuffix(b"\n").decode("utf-8", "replace")
        return LogMessage(match["level"].decode(), text)
    return LogMessage("", record.decode("utf-8", "replace"))


def is_runtime_error(record: bytes) -> bool:
    """Return whether AWS's runtime client wrote a record about an error."""
    if record.startswith(_RUNTIME_ERROR) or _RUNTIME_WARNING in record[:200]:
        return True
    value = _parse_object(record)
    error_keys = {"errorType", "stackTrace", "level"}
    return value is not None and error_keys <= value.keys() - _MESSAGE_KEYS


def _parse_object(record: bytes) -> dict[str, Any] | None:
    if not record.startswith(b"{"):
        return None
    try:
        value = json.loads(record)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _parse_fields(value: Mapping[str, Any]) -> LogMessage:
    level = str(value.get("level") or value.get("levelname") or value.get("severity") or "")
    message_key = next(name for name in _MESSAGE_KEYS if name in value)
    own = {
        name: each
        for name, each in value.items()
        if name not in _HIDDEN_KEYS and name != message_key and each is not None
    }
    long = {name: text for name, text in own.items() if isinstance(text, str) and "\n" in text}
    fields = [f"{name}={_format_field(each)}" for name, each in own.items() if name not in long]
    message = value[message_key]
    text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return LogMessage(level.upper(), text, tuple(fields), tuple(long.values()))


def _format_field(value: object) -> str:
    """Format a value. Quote it if it has spaces, so that the fields stay apart."""
    is_word = isinstance(value, str) and _WORD.fullmatch(value)
    return str(value) if is_word else json.dumps(value, ensure_ascii=False)
