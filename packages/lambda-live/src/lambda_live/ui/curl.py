"""The command line that asks the same again."""

import shlex
from typing import Any
from urllib.parse import quote

from lambda_live.model.strict_json import loads
from lambda_live.ui.rows import InvocationRow

_SKIPPED_HEADERS = (
    *("host", "content-length", "connection", "accept-encoding", "user-agent"),
    *("x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"),
)


def curl_command(row: InvocationRow, url: str, *, multiple: bool) -> str | None:
    """Return it for an invocation whose event was kept whole, else None."""
    if row.event.is_truncated:
        return None
    method, _, path = row.label.partition(" ")
    if path.startswith("/"):
        of_function = url.replace("://127.0.0.1", f"://{row.function}.localhost", 1)
        try:
            return _request_command(row, method, url, of_function if multiple else url)
        except (ValueError, LookupError, TypeError, AttributeError):
            pass  # it is no event of payload format 2.0, or only looks like one
    invoke = f"{url}/2015-03-31/functions/{row.function}/invocations"
    body = row.event.content.decode("utf-8", "replace")
    return shlex.join(
        ["curl", "-H", "Content-Type: application/json", "--data-binary", body, invoke]
    )


def _request_command(row: InvocationRow, method: str, url: str, url_of_function: str) -> str:
    """Return that of an event that came as HTTP, with a body that is text. Raises ValueError."""
    event = loads(row.event.content)
    context = event["requestContext"]
    if context["http"]["method"] != method or event.get("isBase64Encoded"):
        raise ValueError
    path = event["rawPath"]
    if context["accountId"] != "anonymous":  # as a function URL has it
        # an HTTP API decodes the path, and puts its stage before
        path, url_of_function = quote(path.removeprefix(f"/{context['stage']}")), url
    query = f"?{event['rawQueryString']}" if event["rawQueryString"] else ""
    words = ["curl", "-X", method, *_request_options(event), f"{url_of_function}{path}{query}"]
    return shlex.join(words)


def _request_options(event: dict[str, Any]) -> list[str]:
    words: list[str] = []
    for name, value in event["headers"].items():
        if name not in _SKIPPED_HEADERS and not name.startswith("sec-"):
            words += ["-H", f"{name}: {value}"]
    if event.get("cookies"):
        words += ["-b", "; ".join(event["cookies"])]
    if "body" in event:
        words += ["--data-raw", event["body"]]
    return words
