"""
The Invoke operations: synchronous, asynchronous, and with a response stream.

Sources: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
https://smithy.io/2.0/aws/amazon-eventstream.html (the encoding of a stream)
"""

import base64
import json
import re
import struct
import zlib
from collections.abc import Mapping
from functools import partial
from typing import NoReturn

from lambda_live.http.asgi import (
    BodyTooLargeError,
    Receive,
    Response,
    Scope,
    event_file_name,
    header,
    media_type,
    read_body,
)
from lambda_live.http.aws_errors import raise_user_error, raise_validation_error
from lambda_live.http.operations import OperationRoute, Request, constraint_errors, invoke
from lambda_live.model import strict_json
from lambda_live.model.function import LATEST
from lambda_live.model.invocation import (
    MAX_ASYNC_PAYLOAD_BYTES,
    MAX_SYNC_PAYLOAD_BYTES,
    Invocation,
    Result,
)

_MAX_CLIENT_CONTEXT_BYTES = 3583
TENANT_ID = re.compile(r"[a-zA-Z0-9\._:\/=+\-@ ]+")
MAX_TENANT_ID_CHARACTERS = 256
"""AWS's rules for a tenant id."""

_MEDIA_TYPES = (
    # boto3 and AWS's SDKs, curl -d, curl --data-binary with no type of its own
    "application/json",
    "application/x-amz-json-1.0",
    "application/x-amz-json-1.1",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "binary/octet-stream",
)
_LABELS = {"RequestResponse": "Invoke", "Event": "Invoke (async)", "DryRun": "DryRun"}


class InvokeApi:
    """Serves the operations that invoke functions."""

    def __init__(self) -> None:
        functions = "functions/{FunctionName}"
        stream = f"/2021-11-15/{functions}/response-streaming-invocations"
        invocation = partial(OperationRoute, "POST", reports_latest=True, is_invocation=True)
        self.routes = (
            invocation(f"/2015-03-31/{functions}/invocations", self._invoke),
            invocation(f"/2014-11-13/{functions}/invoke-async", self._invoke_async),
            invocation(stream, self._invoke_with_response_stream),
        )

    async def _invoke(self, request: Request) -> Response:
        invocation, function = request.invocation, request.function
        kinds = ("RequestResponse", "Event", "DryRun")
        kind, log_type = await _read_invocation(request, kinds)
        if kind == "DryRun":
            return Response(204)
        if kind == "Event":
            function.enqueue_event(invocation)
            return Response(202)
        result = await invoke(function, invocation, request.scope)
        return _response(result, invocation, log_type, _executed_version(request))

    async def _invoke_async(self, request: Request) -> Response:
        await _read_invocation(request, ("Event",))
        request.function.enqueue_event(request.invocation)
        return Response(202)

    async def _invoke_with_response_stream(self, request: Request) -> Response:
        invocation, function = request.invocation, request.function
        kind, log_type = await _read_invocation(request, ("RequestResponse", "DryRun"))
        if kind == "DryRun":
            return Response(204)
        result = await invoke(function, invocation, request.scope)
        return _stream_response(result, invocation, log_type, _executed_version(request))


async def _read_invocation(request: Request, kinds: tuple[str, ...]) -> tuple[str, str]:
    """Read the event and the options into the invocation; return its type and its log type."""
    scope, invocation = request.scope, request.invocation
    kind = _enum_header(scope, "invocation-type", kinds)
    log_type = _enum_header(scope, "log-type", ("None", "Tail"))
    invocation.payload = await _payload(scope, request.receive, kind)
    context = _client_context(scope)
    invocation.client_context = None if kind == "Event" else context
    invocation.qualifier = request.qualifier
    invocation.tenant_id = _tenant_id(scope)
    invocation.label = event_file_name(scope) or _LABELS[kind]
    return kind, log_type


async def _payload(scope: Scope, receive: Receive, kind: str) -> bytes:
    sent_type = media_type(header(scope, b"content-type") or _MEDIA_TYPES[0])
    if sent_type not in _MEDIA_TYPES and not sent_type.endswith("+json"):
        message = f"Unsupported content type: {sent_type}. Send application/json."
        raise_user_error("UnsupportedMediaTypeException", message, 415)
    limit = MAX_ASYNC_PAYLOAD_BYTES if kind == "Event" else MAX_SYNC_PAYLOAD_BYTES
    try:
        body = await read_body(scope, receive, limit)
    except BodyTooLargeError as error:
        _raise_too_large(error.size, kind)
    if not body.strip():
        return b"{}"
    _check_json(body)
    return body


def _raise_too_large(size: int, kind: str) -> NoReturn:
    if kind == "Event":
        limit = f"the Event invocation type (limit {MAX_ASYNC_PAYLOAD_BYTES} bytes)"
        message = f"{size} byte payload is too large for {limit}"
        raise_user_error("RequestEntityTooLargeException", message, 413)
    limit = f"{MAX_SYNC_PAYLOAD_BYTES} bytes for the InvokeFunction operation"
    raise_user_error("RequestTooLargeException", f"Request must be smaller than {limit}", 413)


def _executed_version(request: Request) -> tuple[str, str]:
    """Return the header with the version that ran, which is the one on disk under its number."""
    version = request.function.desired_configuration.version_of(request.qualifier)
    return ("X-Amz-Executed-Version", version or LATEST)


def _response(
    result: Result, invocation: Invocation, log_type: str, version: tuple[str, str]
) -> Response:
    headers = [("Content-Type", result.content_type), version]
    if result.error_type is not None:
        headers.append(("X-Amz-Function-Error", "Unhandled"))
    if log_type == "Tail":
        headers.append(("X-Amz-Log-Result", invocation.encoded_log_tail()))
    return Response(200, result.payload, headers, result.code_sha256)


def _stream_response(
    result: Result, invocation: Invocation, log_type: str, version: tuple[str, str]
) -> Response:
    """Return a stream with the result as its only chunk, as AWS does for buffered functions."""
    headers = [("Content-Type", _EVENT_STREAM_TYPE), version]
    chunk = _stream_event("PayloadChunk", result.payload, "application/octet-stream")
    end = {"LogResult": invocation.encoded_log_tail()} if log_type == "Tail" else {}
    if result.error_type is not None:
        end |= {
            "ErrorCode": result.error_type,
            "ErrorDetails": result.payload.decode("utf-8", "replace"),
        }
    last = _stream_event("InvokeComplete", json.dumps(end).encode(), "application/json")
    return Response(200, chunk + last, headers, result.code_sha256)


def _enum_header(scope: Scope, name: str, allowed: tuple[str, ...]) -> str:
    value = header(scope, f"x-amz-{name}".encode()) or allowed[0]
    if value not in allowed:
        member = name[0] + name.title().replace("-", "")[1:]
        failed = "failed to satisfy constraint: Member must satisfy enum value set"
        raise_validation_error(f"Value '{value}' at '{member}' {failed}: [{', '.join(allowed)}]")
    return value


def _tenant_id(scope: Scope) -> str | None:
    tenant_id = header(scope, b"x-amz-tenant-id")
    if tenant_id is None:
        return None
    limit, pattern = MAX_TENANT_ID_CHARACTERS, TENANT_ID.pattern
    if errors := constraint_errors("tenantId", tenant_id, limit, pattern):
        raise_validation_error(*errors)
    return tenant_id


def _client_context(scope: Scope) -> str | None:
    encoded = header(scope, b"x-amz-client-context")
    if not encoded:
        return None
    if len(encoded) > _MAX_CLIENT_CONTEXT_BYTES:
        message = f"Client context must be no more than {_MAX_CLIENT_CONTEXT_BYTES} bytes."
        raise_user_error("InvalidRequestContentException", message)
    try:
        context = json.loads(base64.b64decode(encoded, validate=True))
    except (ValueError, RecursionError):
        context = None
    if not isinstance(context, dict):
        message = "Client context must be a valid Base64-encoded JSON object."
        raise_user_error("InvalidRequestContentException", message)
    return json.dumps(context)


def _check_json(body: bytes) -> None:
    try:
        strict_json.validate(body)
    except ValueError as error:
        message = f"Could not parse payload into json: {error}"
        message = f"Could not parse request body into json: {message}"
        raise_user_error("InvalidRequestContentException", message)


_EVENT_STREAM_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
_CHECKSUM = 4


def _stream_event(kind: str, payload: bytes, content_type: str) -> bytes:
    """Return an event as a message of the stream."""
    headers = _stream_headers(
        {":event-type": kind, ":content-type": content_type, ":message-type": "event"}
    )
    length = 3 * _CHECKSUM + len(headers) + len(payload) + _CHECKSUM
    prelude = struct.pack("!II", length, len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _stream_headers(values: Mapping[str, str]) -> bytes:
    return b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", _STRING, len(value))
        + value.encode()
        for name, value in values.items()
    )
