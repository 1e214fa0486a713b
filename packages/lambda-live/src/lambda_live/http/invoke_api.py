"""
The Invoke API, as boto3 and curl call it.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import base64
import json
from typing import NoReturn

from lambda_live.http import event_stream
from lambda_live.http.asgi import (
    SYNC_LIMIT,
    BodyTooLargeError,
    Receive,
    Response,
    Scope,
    event_named,
    header,
    read_body,
)
from lambda_live.http.aws_errors import refuse, refuse_value
from lambda_live.http.operations import Request, Route
from lambda_live.model import strict_json
from lambda_live.model.invocation import Invocation, Result

ASYNC_LIMIT = 2**20
"""Bytes of a request whose answer is not waited for (AWS Lambda quotas)."""

_EXECUTED = ("X-Amz-Executed-Version", "$LATEST")

_CLIENT_CONTEXT_LIMIT = 3583
_MEDIA_TYPES = (
    # boto3 and AWS's SDKs, curl -d, curl --data-binary with no type of its own
    "application/json",
    "application/x-amz-json-1.0",
    "application/x-amz-json-1.1",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "binary/octet-stream",
)
_CALLS = {"RequestResponse": "Invoke", "Event": "Event", "DryRun": "DryRun"}


class InvokeApi:
    """Runs functions."""

    def __init__(self) -> None:
        functions = "functions/{FunctionName}"
        stream = f"/2021-11-15/{functions}/response-streaming-invocations"
        self.routes = (
            Route("POST", f"/2015-03-31/{functions}/invocations", self._invoke, latest=True),
            Route("POST", f"/2014-11-13/{functions}/invoke-async", self._invoke_async, latest=True),
            Route("POST", stream, self._invoke_with_response_stream, latest=True),
        )

    async def _invoke(self, request: Request) -> Response:
        invocation, function = request.invocation, request.named.function
        kinds = ("RequestResponse", "Event", "DryRun")
        kind, log_type = await _read(request, kinds)
        if kind == "DryRun":
            return Response(204)
        if kind == "Event":
            function.put(invocation)
            return Response(202)
        return _answer(await function.invoke(invocation), invocation, log_type)

    async def _invoke_async(self, request: Request) -> Response:
        await _read(request, ("Event",))
        request.named.function.put(request.invocation)
        return Response(202)

    async def _invoke_with_response_stream(self, request: Request) -> Response:
        invocation, function = request.invocation, request.named.function
        kind, log_type = await _read(request, ("RequestResponse", "DryRun"))
        if kind == "DryRun":
            return Response(204)
        return _stream(await function.invoke(invocation), invocation, log_type)


async def _read(request: Request, kinds: tuple[str, ...]) -> tuple[str, str]:
    """Take what is to be run; return the type of the invocation, and that of its log."""
    scope, invocation = request.scope, request.invocation
    kind = _choice(scope, "invocation-type", kinds)
    log_type = _choice(scope, "log-type", ("None", "Tail"))
    invocation.payload = await _payload(scope, request.receive, kind)
    context = _client_context(scope)
    invocation.client_context = None if kind == "Event" else context
    invocation.qualifier = request.named.qualifier
    invocation.call = event_named(scope) or _CALLS[kind]
    return kind, log_type


async def _payload(scope: Scope, receive: Receive, kind: str) -> bytes:
    content_type = header(scope, b"content-type") or _MEDIA_TYPES[0]
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES and not media_type.endswith("+json"):
        message = f"Unsupported content type: {media_type}. An event is application/json."
        refuse(415, "UnsupportedMediaTypeException", message)
    limit = ASYNC_LIMIT if kind == "Event" else SYNC_LIMIT
    try:
        body = await read_body(scope, receive, limit)
    except BodyTooLargeError as error:
        _refuse_size(error.size, kind)
    if not body.strip():
        return b"{}"
    _check_json(body)
    return body


def _refuse_size(size: int, kind: str) -> NoReturn:
    if kind == "Event":
        limit = f"the Event invocation type (limit {ASYNC_LIMIT} bytes)"
        message = f"{size} byte payload is too large for {limit}"
        refuse(413, "RequestEntityTooLargeException", message)
    message = f"Request must be smaller than {SYNC_LIMIT} bytes for the InvokeFunction operation"
    refuse(413, "RequestTooLargeException", message)


def _answer(result: Result, invocation: Invocation, log_type: str) -> Response:
    headers = [("Content-Type", result.content_type), _EXECUTED]
    if result.error_type is not None:
        headers.append(("X-Amz-Function-Error", "Unhandled"))
    if log_type == "Tail":
        headers.append(("X-Amz-Log-Result", invocation.encoded_log_tail()))
    return Response(200, result.payload, headers, result.code_sha256)


def _stream(result: Result, invocation: Invocation, log_type: str) -> Response:
    """A function that does not stream is one chunk, as on AWS."""
    headers = [("Content-Type", event_stream.CONTENT_TYPE), _EXECUTED]
    chunk = event_stream.event("PayloadChunk", result.payload, "application/octet-stream")
    end = {"LogResult": invocation.encoded_log_tail()} if log_type == "Tail" else {}
    if result.error_type is not None:
        end |= {
            "ErrorCode": result.error_type,
            "ErrorDetails": result.payload.decode("utf-8", "replace"),
        }
    body = chunk + event_stream.document("InvokeComplete", end)
    return Response(200, body, headers, result.code_sha256)


def _choice(scope: Scope, name: str, allowed: tuple[str, ...]) -> str:
    value = header(scope, f"x-amz-{name}".encode()) or allowed[0]
    if value not in allowed:
        member = name[0] + name.title().replace("-", "")[1:]
        failed = "failed to satisfy constraint: Member must satisfy enum value set"
        refuse_value(f"Value '{value}' at '{member}' {failed}: [{', '.join(allowed)}]")
    return value


def _client_context(scope: Scope) -> str | None:
    encoded = header(scope, b"x-amz-client-context")
    if not encoded:
        return None
    if len(encoded) > _CLIENT_CONTEXT_LIMIT:
        message = f"Client context must be no more than {_CLIENT_CONTEXT_LIMIT} bytes."
        refuse(400, "InvalidRequestContentException", message)
    try:
        context = json.loads(base64.b64decode(encoded, validate=True))
    except (ValueError, RecursionError):
        context = None
    if not isinstance(context, dict):
        message = "Client context must be a valid Base64-encoded JSON object."
        refuse(400, "InvalidRequestContentException", message)
    return json.dumps(context)


def _check_json(body: bytes) -> None:
    try:
        strict_json.check(body)
    except ValueError as error:
        message = f"Could not parse payload into json: {error}"
        why = f"Could not parse request body into json: {message}"
        refuse(400, "InvalidRequestContentException", why)
