"""
A request over HTTP as an event: payload format 2.0.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import base64
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from lambda_live.http.asgi import Scope
from lambda_live.model.invocation import Invocation

_TEXT = ("application/json", "application/xml", "application/javascript")
_LEFT_OUT = (
    # for who looks on; AWS has none
    *(b"x-lambda-live-event", b"x-lambda-live-log", b"x-lambda-live-source"),
    # of the way to AWS, and not of the way on from there
    b"connection",
)


def to_event(scope: Scope, body: bytes, invocation: Invocation, name: str) -> dict[str, Any]:
    """Return the request as AWS gives it to a function: payload format 2.0."""
    headers, cookies = headers_of(scope, invocation)
    query = scope["query_string"].decode("latin-1")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": scope["raw_path"].decode("latin-1"),
        "rawQueryString": query,
        "headers": headers,
        "requestContext": _request_context(scope, headers, invocation, name),
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if parameters := joined(parse_qsl(query, keep_blank_values=True)):
        event["queryStringParameters"] = parameters
    if body:
        event["body"], event["isBase64Encoded"] = body_of(body, headers)
    return event


def joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Return each name once, the values of a name with commas between."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def source_ip(scope: Scope) -> str:
    """Return the address that the request came from."""
    address: str = (scope.get("client") or ("127.0.0.1", 0))[0]
    return address


def received(scope: Scope, invocation: Invocation) -> list[tuple[str, str]]:
    """Return the headers, names in lower case, with those that AWS adds."""
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in _LEFT_OUT
    ]
    added = {
        "x-forwarded-for": source_ip(scope),
        "x-forwarded-port": str((scope.get("server") or ("", 80))[1]),
        "x-forwarded-proto": scope["scheme"],
        "x-amzn-trace-id": invocation.trace_id,
    }
    there = {name for name, _ in pairs}
    return pairs + [(name, value) for name, value in added.items() if name not in there]


def headers_of(scope: Scope, invocation: Invocation) -> tuple[dict[str, str], list[str]]:
    """Return the headers, each name once, and the cookies."""
    pairs = received(scope, invocation)
    cookies = [value for name, value in pairs if name == "cookie"]
    headers = joined([pair for pair in pairs if pair[0] != "cookie"])
    return headers, [cookie for value in cookies for cookie in value.split("; ")]


def _request_context(
    scope: Scope, headers: dict[str, str], invocation: Invocation, name: str
) -> dict[str, Any]:
    now = time.time()
    domain = headers.get("host", "localhost").rpartition("@")[2]
    return {
        "accountId": "anonymous",
        "apiId": name,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": scope["method"],
            "path": scope["raw_path"].decode("latin-1"),
            "protocol": f"HTTP/{scope['http_version']}",
            "sourceIp": source_ip(scope),
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": invocation.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }


def body_of(body: bytes, headers: dict[str, str]) -> tuple[str, bool]:
    """Text for the types that AWS knows as text, base64 for all others, even for none."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in _TEXT:
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
