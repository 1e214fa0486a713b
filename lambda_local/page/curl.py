"""The command line that asks the same again."""

import shlex
from typing import Any

from lambda_local.page.rows import InvocationRow
from lambda_local.strict_json import parsed

_NOT_ASKED = (
    *("host", "content-length", "connection", "accept-encoding", "user-agent"),
    *("x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"),
)


def curl_line(row: InvocationRow, url: str, *, of_several: bool) -> str | None:
    """Return it for an invocation whose event was kept whole, else None."""
    if row.event.cut:
        return None
    event = _http_event(row)
    if event is None:
        invoke = f"{url}/2015-03-31/functions/{row.function}/invocations"
        body = row.event.content.decode("utf-8", "replace")
        words = ["curl", "-H", "Content-Type: application/json", "--data-binary", body, invoke]
        return shlex.join(words)
    if of_several:
        url = url.replace("://127.0.0.1", f"://{row.function}.localhost", 1)
    return _of_request(event, url)


def _http_event(row: InvocationRow) -> dict[str, Any] | None:
    """Return the event if it came as HTTP, to the function URL, with a body that is text."""
    method, _, path = row.call.partition(" ")
    if not path.startswith("/"):
        return None
    try:
        event = parsed(row.event.content)
        http = event["requestContext"]["http"]
    except (ValueError, LookupError, TypeError):
        return None
    same = http.get("method") == method and not event.get("isBase64Encoded")
    return event if same else None


def _of_request(event: dict[str, Any], url: str) -> str:
    query = f"?{event['rawQueryString']}" if event.get("rawQueryString") else ""
    words = ["curl", "-X", event["requestContext"]["http"]["method"]]
    for name, value in event.get("headers", {}).items():
        if name not in _NOT_ASKED and not name.startswith("sec-"):
            words += ["-H", f"{name}: {value}"]
    if event.get("cookies"):
        words += ["-b", "; ".join(event["cookies"])]
    if "body" in event:
        words += ["--data-raw", event["body"]]
    return shlex.join([*words, f"{url}{event['rawPath']}{query}"])
