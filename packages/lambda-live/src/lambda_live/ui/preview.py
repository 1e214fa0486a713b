"""The beginning of what was sent, by which a person tells invocations apart."""

import re
from typing import Any

from lambda_live.ui.truncated import Truncated

_FILES = (".json", ".http")
_KEY = re.compile(r'"(\w+)" ?: ?')
_MAX_LENGTH = 100
_SCANNED_LENGTH = 4 * _MAX_LENGTH


def preview(label: str, event: Truncated) -> str:
    """Return it on one line; nothing for an event file, whose name says enough."""
    if label.endswith(_FILES):
        return ""
    text = _request_preview(event) if b'"requestContext"' in event.content else None
    if text is None:
        text = event.content[:_SCANNED_LENGTH].decode("utf-8", "replace")
    text = _KEY.sub(r"\1: ", " ".join(text[:_SCANNED_LENGTH].split()))
    return (text.strip("{} ") if text.startswith("{") else text)[:_MAX_LENGTH]


def _request_preview(event: Truncated) -> str | None:
    """Return the query and the body of an HTTP request; None of what is none."""
    try:
        value: Any = event.parse()
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    query, body = value.get("rawQueryString"), value.get("body")
    shown = body if isinstance(body, str) and not value.get("isBase64Encoded") else ""
    return f"?{query} {shown}" if query else shown
