"""
AWS's Runtime API. Each execution environment has one, on a loopback port of its own.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import json
from http import HTTPStatus
from typing import Protocol, cast, override

import httptools

from lambda_live.model.errors import MAX_RESPONSE_BYTES
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation

_VERSION = "/2018-06-01/runtime/"
_MAX_HEAD_BYTES = 2**22
"""Limit of a request's head. AWS's client sends a stack trace of up to 1 MiB in a header."""


class RuntimeCalls(Protocol):
    """Receives the calls to the Runtime API."""

    def on_next(self, api: "RuntimeApiConnection") -> None:
        """Handle a request for the next event."""

    def is_stale(self, invocation_id: str) -> bool:
        """Whether a response belongs to an earlier delivery of an event than the current one."""

    def on_response(self, request_id: str, payload: bytes, content_type: str) -> int:
        """Handle the handler's response; return the HTTP status."""

    def on_error(self, request_id: str, payload: bytes, error_type: str) -> int:
        """Handle an exception of the handler; return the HTTP status."""

    def on_init_error(self, payload: bytes, error_type: str) -> None:
        """Handle a handler that could not be loaded."""


class RuntimeApiConnection(asyncio.Protocol):
    """
    One connection to the Runtime API.

    Any program on this machine can connect, so requests are checked. `invocation/next` and
    `init/error` need `token` at the end of the User-Agent header; only the environment's process
    knows the token. A response or error needs the request id. It may repeat the header
    Lambda-Runtime-Invocation-Id of its event; one of an earlier event is refused. Requests with an
    Origin header, which browsers send, are rejected.
    """

    def __init__(self, calls: RuntimeCalls, token: str) -> None:
        self._calls = calls
        self._token = token.encode()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._reset()

    def _reset(self) -> None:
        self._size = 0
        self._head: int | None = 0
        self._url = b""
        self._body: list[bytes] = []
        self._headers: dict[bytes, bytes] = {}

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:  # asyncio's signature
        self._transport = None

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._abort()
        if self._head is not None:
            self._head += len(data)
            if self._head > _MAX_HEAD_BYTES:
                self._abort()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def on_url(self, url: bytes) -> None:
        """Append a part of the request's URL; httptools calls this and the next four methods."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Stop limiting the size: the body follows."""
        self._head = None

    def on_body(self, body: bytes) -> None:
        """Append a part of the body; of one that is too large, enough to detect that."""
        if self._size <= MAX_RESPONSE_BYTES:
            self._body.append(body)
        self._size += len(body)

    def on_message_complete(self) -> None:
        """Route the complete request."""
        method, path = self._parser.get_method(), self._url.decode("latin-1")
        body, headers = b"".join(self._body), self._headers
        self._reset()
        if b"origin" in headers:
            self.reply(403)
        elif not path.startswith(_VERSION):
            self.reply(404)
        else:
            self._route(method + b" " + path.removeprefix(_VERSION).encode(), body, headers)

    def _route(self, call: bytes, body: bytes, headers: dict[bytes, bytes]) -> None:
        invocation_id = headers.get(b"lambda-runtime-invocation-id", b"").decode("latin-1")
        match call.decode().split("/"):
            case ["GET invocation", "next"]:
                if self._is_authorized(headers):
                    self._calls.on_next(self)
            case ["POST invocation", _, "response" | "error"] if (
                invocation_id and self._calls.is_stale(invocation_id)
            ):
                self.reply(410)
            case ["POST invocation", request_id, "response"]:
                content_type = headers.get(b"content-type", b"application/json").decode("latin-1")
                self.reply(self._calls.on_response(request_id, body, content_type))
            case ["POST invocation", request_id, "error"]:
                self.reply(self._calls.on_error(request_id, body, _error_type(body)))
            case ["POST init", "error"] if self._is_authorized(headers):
                body = _as_utf8(body)
                self._calls.on_init_error(body, _error_type(body))
                self.reply(202)
            case ["POST init", "error"]:
                pass
            case _:
                self.reply(404)

    def _is_authorized(self, headers: dict[bytes, bytes]) -> bool:
        """Whether the environment's process sent the request; reject it otherwise."""
        is_authorized = headers.get(b"user-agent", b"").endswith(b" " + self._token)
        if not is_authorized:
            self.reply(403)
        return is_authorized

    def reply(
        self, status: int, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> None:
        """Send a response. Without a body, it has the one that AWS documents for the status."""
        if body is None:
            body = b'{"status":"OK"}' if status < 400 else _error_body(status)  # noqa: PLR2004  # HTTP errors begin at 400
        lines = [f"{name}: {value}\r\n" for name, value in (headers or {}).items()]
        head = (
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{''.join(lines)}\r\n"
        )
        if self._transport is not None:
            first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            self._transport.write((first + head).encode("latin-1", "replace") + body)


def event_headers(
    invocation: Invocation,
    configuration: FunctionConfiguration,
    deadline_ms: int,
    invocation_id: str,
) -> dict[str, str]:
    """
    Return the headers of an event; the deadline is in milliseconds since the epoch.

    `invocation_id` differs each time the event is delivered.
    """
    suffix = f":{invocation.qualifier}" if invocation.qualifier else ""
    headers = {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Invocation-Id": invocation_id,
        "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": f"{configuration.arn}{suffix}",
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
    }
    if invocation.client_context is not None:
        headers["Lambda-Runtime-Client-Context"] = invocation.client_context
    if invocation.tenant_id is not None:
        headers["Lambda-Runtime-Aws-Tenant-Id"] = invocation.tenant_id
    return headers


def _error_body(status: int) -> bytes:
    kinds = {
        400: "InvalidRequestID",
        403: "Forbidden",
        410: "InvalidInvocationID",
        413: "RequestEntityTooLarge",
    }
    kind = kinds.get(status, "NotFound")
    message = HTTPStatus(status).phrase
    return json.dumps({"errorMessage": message, "errorType": kind}).encode()


def _as_utf8(body: bytes) -> bytes:
    """Return an init error as UTF-8: awslambdaric lets http.client encode it as Latin-1."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1").encode("utf-8")
    return body


def _error_type(body: bytes) -> str:
    try:
        return str(json.loads(body)["errorType"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return "Runtime.Unknown"
