"""
The Invoke API, as boto3 and curl call it.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import base64
import json
import re
from typing import NoReturn
from urllib.parse import parse_qs, unquote

from lambda_local.door.http import (
    BodyTooLargeError,
    Receive,
    Response,
    Scope,
    header,
    read_body,
)
from lambda_local.function.events import EventQueue
from lambda_local.function.pool import Pool, StoppingError, ThrottledError
from lambda_local.invocation import LOG_TAIL, Invocation
from lambda_local.settings import Settings

PATH = "/2015-03-31/functions/"
SYNC_LIMIT = 6 * 2**20
ASYNC_LIMIT = 2**20
"""Bytes of an event (AWS Lambda quotas)."""

_CLIENT_CONTEXT_LIMIT = 3583
_ROUTE = re.compile(rf"{re.escape(PATH)}(?P<function>[^/]+)/invocations/?")
_FUNCTION = re.compile(
    r"(?:arn:aws[\w-]*:lambda:(?P<region>[\w-]+):|)(?:(?P<account>\d{12}):|)(?:function:|)"
    r"(?P<name>[\w-]+)(?::(?P<qualifier>\$LATEST|[\w-]+))?"
)
_MEDIA_TYPES = (
    # boto3 and AWS's SDKs, curl -d, curl --data-binary with no type of its own
    "application/json",
    "application/x-amz-json-1.0",
    "application/x-amz-json-1.1",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "binary/octet-stream",
)


class ServiceError(Exception):
    """An error of the service's: HTTP status, AWS's name for it, and its body."""

    def __init__(self, status: int, error_type: str, body: dict[str, str]) -> None:
        super().__init__(error_type)
        self.status = status
        self.error_type = error_type
        self.body = body

    def response(self) -> Response:
        """Return it as AWS sends it."""
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", self.error_type)]
        return Response(self.status, json.dumps(self.body).encode(), headers)


def throttled() -> ServiceError:
    """All environments are busy."""
    body = {
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "Type": "User",
        "message": "Rate Exceeded.",
    }
    return ServiceError(429, "TooManyRequestsException", body)


def stopping() -> ServiceError:
    """The service is about to end."""
    return ServiceError(
        503, "ServiceException", {"Type": "Service", "Message": "Service is stopping."}
    )


def _refuse(status: int, error_type: str, message: str) -> NoReturn:
    raise ServiceError(status, error_type, {"Type": "User", "message": message})


class InvokeApi:
    """Answers requests below `PATH`."""

    def __init__(self, settings: Settings, pool: Pool, events: EventQueue) -> None:
        self._settings = settings
        self._pool = pool
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive) -> Response:
        """Answer one request. Raises DisconnectedError."""
        invocation: Invocation | None = None
        try:
            self._check_path(scope)
            kind = _choice(scope, b"x-amz-invocation-type", ("RequestResponse", "Event", "DryRun"))
            log_type = _choice(scope, b"x-amz-log-type", ("None", "Tail"))
            limit = ASYNC_LIMIT if kind == "Event" else SYNC_LIMIT
            payload = await self._payload(scope, receive, limit)
            invocation = Invocation(payload, _client_context(scope))
            response = await self._invoke(invocation, kind, log_type)
        except ServiceError as error:
            response = error.response()
        request_id = Invocation(b"").request_id if invocation is None else invocation.request_id
        response.headers.append(("x-amzn-RequestId", request_id))
        return response

    def _check_path(self, scope: Scope) -> None:
        route = _ROUTE.fullmatch(scope["path"])
        if route is None:
            _refuse(404, "UnknownOperationException", f"No operation at {scope['path']}")
        if scope["method"] != "POST":
            _refuse(405, "MethodNotAllowedException", "Invoke is a POST request.")
        self._check_function(unquote(route["function"]), scope["query_string"])

    def _check_function(self, function: str, query: bytes) -> None:
        match = _FUNCTION.fullmatch(function)
        if match is None:
            pattern = "a function name, ARN or partial ARN"
            _refuse(400, "InvalidParameterValueException", f"{function!r} is not {pattern}.")
        settings = self._settings
        given = parse_qs(query.decode("latin-1")).get("Qualifier", [None])[0]
        qualifier = given or match["qualifier"] or "$LATEST"
        here = (settings.name, settings.region, settings.account, "$LATEST")
        asked = (
            match["name"],
            match["region"] or settings.region,
            match["account"] or settings.account,
            qualifier,
        )
        if asked != here:
            name, region, account, _ = asked
            arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
            arn += "" if qualifier == "$LATEST" else f":{qualifier}"
            body = {"Type": "User", "Message": f"Function not found: {arn}"}
            raise ServiceError(404, "ResourceNotFoundException", body)

    async def _payload(self, scope: Scope, receive: Receive, limit: int) -> bytes:
        media_type = (
            (header(scope, b"content-type") or _MEDIA_TYPES[0]).partition(";")[0].strip().lower()
        )
        if media_type not in _MEDIA_TYPES and not media_type.endswith("+json"):
            message = f"Unsupported content type: {media_type}. An event is application/json."
            _refuse(415, "UnsupportedMediaTypeException", message)
        try:
            body = await read_body(scope, receive, limit)
        except BodyTooLargeError:
            message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
            _refuse(413, "RequestTooLargeException", message)
        if not body.strip():
            return b"{}"
        _check_json(body)
        return body

    async def _invoke(self, invocation: Invocation, kind: str, log_type: str) -> Response:
        executed = ("X-Amz-Executed-Version", "$LATEST")
        if kind == "DryRun":
            return Response(204, headers=[executed])
        try:
            if kind == "Event":
                self._events.put(invocation)
                return Response(202)
            result = await self._pool.invoke(invocation)
        except ThrottledError:
            raise throttled() from None
        except StoppingError:
            raise stopping() from None
        trace = invocation.trace_id
        headers = [("Content-Type", result.content_type), executed, ("X-Amzn-Trace-Id", trace)]
        headers.append(("X-Lambda-Local-Code-Sha256", result.code_sha256))
        if result.error_type is not None:
            headers.append(("X-Amz-Function-Error", "Unhandled"))
        if log_type == "Tail":
            tail = base64.b64encode(invocation.log_tail[-LOG_TAIL:]).decode()
            headers.append(("X-Amz-Log-Result", tail))
        return Response(200, result.payload, headers)


def _choice(scope: Scope, name: bytes, allowed: tuple[str, ...]) -> str:
    value = header(scope, name) or allowed[0]
    if value not in allowed:
        label = name.decode().title()
        _refuse(
            400,
            "InvalidParameterValueException",
            f"{label} is {value!r}, not one of {', '.join(allowed)}.",
        )
    return value


def _client_context(scope: Scope) -> str | None:
    encoded = header(scope, b"x-amz-client-context")
    if not encoded:
        return None
    if len(encoded) > _CLIENT_CONTEXT_LIMIT:
        message = f"Client context must be no more than {_CLIENT_CONTEXT_LIMIT} bytes."
        _refuse(400, "InvalidRequestContentException", message)
    try:
        context = json.loads(base64.b64decode(encoded, validate=True))
    except ValueError:
        context = None
    if not isinstance(context, dict):
        message = "Client context must be a valid Base64-encoded JSON object."
        _refuse(400, "InvalidRequestContentException", message)
    return json.dumps(context)


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _check_json(body: bytes) -> None:
    try:
        json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        return  # valid as far as it was read; the function's own parser will say
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        _refuse(400, "InvalidRequestContentException", message)
