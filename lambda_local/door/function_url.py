"""
The function URL: HTTP in, payload format 2.0 to the function, HTTP out.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import base64
import json
import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lambda_local.door.answers import refuse
from lambda_local.door.http import (
    SYNC_LIMIT,
    BodyTooLargeError,
    Response,
    Scope,
    header,
    read_body,
)
from lambda_local.door.names import Named
from lambda_local.door.operations import Operation, Request
from lambda_local.function.function import Function
from lambda_local.function.functions import Functions
from lambda_local.invocation import Invocation, Result
from lambda_local.telemetry.listener import Listener

_TEXT = ("application/json", "application/xml", "application/javascript")
_STATUS = range(200, 600)
_OURS = (b"x-lambda-local-event", b"x-lambda-local-source")  # for who looks on; AWS has none
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110


class MalformedResponseError(ValueError):
    """The function returned what can't be sent over HTTP."""


class FunctionUrl:
    """Answers every request that is not for the Invoke API."""

    def __init__(self, functions: Functions, listener: Listener) -> None:
        self._functions = functions
        self._listener = listener

    def find(self, scope: Scope) -> tuple[Operation, Named]:
        """Return the function that the host names, or the only one. Raises ServiceError."""
        function = self._functions.of_host(header(scope, b"host") or "")
        if function is None:
            urls = [url_of(self._functions, each, scope) for each in self._functions]
            refuse(404, "ResourceNotFoundException", f"Which function? {' '.join(urls)}")
        return self._answer, Named(function)

    @staticmethod
    def allows_origin(function: Function, origin: str) -> bool:  # noqa: ARG004  # its Cors will say
        """Whether pages of that origin may ask it."""
        return False

    async def _answer(self, request: Request) -> Response:
        scope, receive, invocation = request.scope, request.receive, request.invocation
        function = request.named.function
        try:
            body = await read_body(scope, receive, SYNC_LIMIT)
        except BodyTooLargeError:
            return _plain(
                413, '{"Message":"Request must be smaller than 6291456 bytes"}', "application/json"
            )
        event = to_event(scope, body, invocation, function.configuration.name)
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        named = header(scope, b"x-lambda-local-event")
        invocation.call = named or f"{scope['method']} {event['rawPath']}"
        return self._respond(await function.invoke(invocation))

    def _respond(self, result: Result) -> Response:
        if result.error_type is not None:
            response = _plain(502, "Internal Server Error")
        else:
            try:
                response = from_result(result.payload)
            except MalformedResponseError as error:
                self._listener.service_said(f"the function URL answers 502: {error}", "ERROR")
                response = _plain(502, "Internal Server Error")
        response.headers.append(("X-Lambda-Local-Code-Sha256", result.code_sha256))
        return response


def url_of(functions: Functions, function: Function, scope: Scope) -> str:
    """Return the function's URL, as who sent this request can reach it."""
    host = header(scope, b"host") or "localhost"
    if len(functions) == 1:
        return f"{scope['scheme']}://{host}/"
    port = urlsplit(f"//{host}").port
    suffix = f":{port}" if port else ""
    return f"{scope['scheme']}://{function.configuration.name.lower()}.localhost{suffix}/"


def _plain(status: int, text: str, content_type: str = "text/plain") -> Response:
    return Response(status, text.encode(), [("Content-Type", content_type)])


def to_event(scope: Scope, body: bytes, invocation: Invocation, name: str) -> dict[str, Any]:
    """Return the request as AWS gives it to a function: payload format 2.0."""
    headers, cookies = _headers(scope, invocation)
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
    if parameters := _joined(parse_qsl(query, keep_blank_values=True)):
        event["queryStringParameters"] = parameters
    if body:
        event["body"], event["isBase64Encoded"] = _body(body, headers)
    return event


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _headers(scope: Scope, invocation: Invocation) -> tuple[dict[str, str], list[str]]:
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in _OURS
    ]
    cookies = [value for name, value in pairs if name == "cookie"]
    headers = _joined([pair for pair in pairs if pair[0] != "cookie"])
    client = scope.get("client") or ("127.0.0.1", 0)
    headers.setdefault("x-forwarded-for", client[0])
    headers.setdefault("x-forwarded-port", str((scope.get("server") or ("", 80))[1]))
    headers.setdefault("x-forwarded-proto", scope["scheme"])
    headers.setdefault("x-amzn-trace-id", invocation.trace_id)
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
            "sourceIp": (scope.get("client") or ("127.0.0.1", 0))[0],
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": invocation.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }


def _body(body: bytes, headers: dict[str, str]) -> tuple[str, bool]:
    """Text for the types that AWS knows as text, base64 for all others, even for none."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in _TEXT:
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def from_result(payload: bytes) -> Response:
    """Return what the function returned as HTTP. Raises MalformedResponseError."""
    try:
        value = json.loads(payload)
    except ValueError as error:
        message = "the function returned bytes that are not JSON"
        raise MalformedResponseError(message) from error
    if isinstance(value, dict) and "statusCode" in value:
        return _proxied(value)
    body = value.encode("utf-8", "replace") if isinstance(value, str) else payload
    return Response(200, body, [("Content-Type", "application/json")])


def _proxied(value: dict[str, Any]) -> Response:
    status = value["statusCode"]
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if type(status) is not int or status not in _STATUS:
        message = f"statusCode is {status!r}, not a number from 200 to 599"
        raise MalformedResponseError(message)
    headers = [_header(name, item) for name, item in _typed(value, "headers", dict).items()]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    headers += [_header("Set-Cookie", cookie) for cookie in _typed(value, "cookies", list)]
    headers = [
        pair for pair in headers if pair[0].lower() not in ("content-length", "transfer-encoding")
    ]
    return Response(status, _decoded(value), headers)


def _typed[T: (dict[str, Any], list[Any])](value: dict[str, Any], name: str, kind: type[T]) -> T:
    member = value.get(name) or kind()
    if not isinstance(member, kind):
        message = f"{name} is a {type(member).__name__}, not a {kind.__name__}"
        raise MalformedResponseError(message)
    return member


def _header(name: str, value: object) -> tuple[str, str]:
    text = value if isinstance(value, str) else json.dumps(value)
    if not _HEADER_NAME.fullmatch(name) or any(character in text for character in "\r\n\0"):
        message = f"header {name!r} is not one that HTTP allows"
        raise MalformedResponseError(message)
    try:
        text.encode("latin-1")
    except UnicodeEncodeError as error:
        message = f"header {name!r} has a character that HTTP can't carry"
        raise MalformedResponseError(message) from error
    return name, text


def _decoded(value: dict[str, Any]) -> bytes:
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        message = f"body is a {type(body).__name__}, not a string"
        raise MalformedResponseError(message)
    if not value.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        message = "body is not the base64 that isBase64Encoded says it is"
        raise MalformedResponseError(message) from error
