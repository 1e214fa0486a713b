"""Which invocations are the same one again."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from lambda_live.model.strict_json import loads
from lambda_live.ui.rows import InvocationRow

_PER_REQUEST = ("requestId", "time", "timeEpoch", "http", "domainName", "domainPrefix")
_PER_REQUEST_HEADERS = ("x-amzn-trace-id", "x-forwarded-port", "x-forwarded-for")


def fingerprint(row: InvocationRow) -> str:
    """Return what distinct invocations differ in: not the time or the id of an HTTP request."""
    content = row.event.content
    if b'"requestContext"' in content and not row.event.is_truncated:
        content = _without_the_request(content)
    return hashlib.sha256(content + (row.client_context or "").encode()).hexdigest()


def _without_the_request(content: bytes) -> bytes:
    try:
        event = loads(content)
    except ValueError:
        return content
    if not isinstance(event, dict):
        return content
    context, headers = _mapping(event, "requestContext"), _mapping(event, "headers")
    method = _mapping(context, "http").get("method")
    event["requestContext"] = _without(context, _PER_REQUEST) | {"method": method}
    event["headers"] = _without(headers, _PER_REQUEST_HEADERS)
    return json.dumps(event).encode()


def _mapping(event: dict[str, Any], name: str) -> dict[str, Any]:
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _without(mapping: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in names}
