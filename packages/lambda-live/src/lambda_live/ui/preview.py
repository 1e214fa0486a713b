"""The beginning of what was sent, by which a person tells invocations apart."""

import re
from typing import Any

from lambda_live.ui.truncated import Kept

_FILES = (".json", ".http")
_KEY = re.compile(r'"(\w+)" ?: ?')
_LONGEST = 100
_LOOKED_AT = 4 * _LONGEST


def preview(call: str, event: Kept) -> str:
    """Return it on one line; nothing for an event file, whose name says enough."""
    if call.endswith(_FILES):
        return ""
    text = _of_request(event) if b'"requestContext"' in event.content else None
    if text is None:
        text = event.content[:_LOOKED_AT].decode("utf-8", "replace")
    text = _KEY.sub(r"\1: ", " ".join(text[:_LOOKED_AT].split()))
    return (text.strip("{} ") if text.startswith("{") else text)[:_LONGEST]


def _of_request(event: Kept) -> str | None:
    """Return the query and the body of an HTTP request; None of what is none."""
    try:
        value: Any = event.value()
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    query, body = value.get("rawQueryString"), value.get("body")
    shown = body if isinstance(body, str) and not value.get("isBase64Encoded") else ""
    return f"?{query} {shown}" if query else shown
