"""
The Invoke API, as boto3 and curl call it.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import base64
import json
import re
from typing import NoReturn
from urllib.parse import parse_qs, unquote

from lambda_local.door.answers import ServiceError, refuse
from lambda_local.door.http import (
    SYNC_LIMIT,
    BodyTooLargeError,
    Receive,
    Response,
    Scope,
    header,
    read_body,
)
from lambda_local.function.function import Function
from lambda_local.function.functions import Functions
from lambda_local.invocation import LOG_TAIL, Invocation, Result
from lambda_local.settings.account import Account

PATH = "/2015-03-31/functions/"
ASYNC_LIMIT = 2**20
"""Bytes of a request whose answer is not waited for (AWS Lambda quotas)."""

_EXECUTED = ("X-Amz-Executed-Version", "$LATEST")

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


class InvokeApi:
    """Answers requests below `PATH`."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    async def answer(
        self, function: Function, scope: Scope, receive: Receive, invocation: Invocation
    ) -> Response:
        """
        Answer one request.

        Raises DisconnectedError, ServiceError, ThrottledError, StoppingError.
        """
        kind = _choice(scope, b"x-amz-invocation-type", ("RequestResponse", "Event", "DryRun"))
        log_type = _choice(scope, b"x-amz-log-type", ("None", "Tail"))
        limit = ASYNC_LIMIT if kind == "Event" else SYNC_LIMIT
        invocation.payload = await _payload(scope, receive, limit)
        invocation.client_context = _client_context(scope)
        invocation.call = header(scope, b"x-lambda-local-event") or kind
        if kind == "DryRun":
            return Response(204, headers=[_EXECUTED])
        if kind == "Event":
            function.put(invocation)
            return Response(202)
        return _answer(await function.invoke(invocation), invocation, log_type)

    @staticmethod
    def allows_origin(function: Function, origin: str) -> bool:  # noqa: ARG004  # as the function URL
        """Whether pages of that origin may ask it: AWS's Invoke API serves no browser."""
        return False

    def function(self, scope: Scope) -> Function:
        """Return the function that the path names. Raises ServiceError."""
        route = _ROUTE.fullmatch(scope["path"])
        if route is None:
            refuse(404, "UnknownOperationException", f"No operation at {scope['path']}")
        if scope["method"] != "POST":
            refuse(405, "MethodNotAllowedException", "Invoke is a POST request.")
        name = unquote(route["function"])
        match = _FUNCTION.fullmatch(name)
        if match is None:
            pattern = "a function name, ARN or partial ARN"
            refuse(400, "InvalidParameterValueException", f"{name!r} is not {pattern}.")
        return self._find(match, scope["query_string"])

    def _find(self, asked: re.Match[str], query: bytes) -> Function:
        function = self._functions.get(asked["name"])
        known = self._functions.default if function is None else function
        here = known.configuration.account
        region, account_id = asked["region"] or here.region, asked["account"] or here.account_id
        given = parse_qs(query.decode("latin-1")).get("Qualifier", [None])[0]
        qualifier = given or asked["qualifier"] or "$LATEST"
        if function is None or Account(region, account_id) != here or qualifier != "$LATEST":
            arn = Account(region, account_id).function_arn(asked["name"])
            arn += "" if qualifier == "$LATEST" else f":{qualifier}"
            body = {"Type": "User", "Message": f"Function not found: {arn}"}
            raise ServiceError(404, "ResourceNotFoundException", body)
        return function


async def _payload(scope: Scope, receive: Receive, limit: int) -> bytes:
    content_type = header(scope, b"content-type") or _MEDIA_TYPES[0]
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES and not media_type.endswith("+json"):
        message = f"Unsupported content type: {media_type}. An event is application/json."
        refuse(415, "UnsupportedMediaTypeException", message)
    try:
        body = await read_body(scope, receive, limit)
    except BodyTooLargeError:
        message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        refuse(413, "RequestTooLargeException", message)
    if not body.strip():
        return b"{}"
    _check_json(body)
    return body


def _answer(result: Result, invocation: Invocation, log_type: str) -> Response:
    headers = [("Content-Type", result.content_type), _EXECUTED]
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
        refuse(
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
        refuse(400, "InvalidRequestContentException", message)
    try:
        context = json.loads(base64.b64decode(encoded, validate=True))
    except ValueError:
        context = None
    if not isinstance(context, dict):
        message = "Client context must be a valid Base64-encoded JSON object."
        refuse(400, "InvalidRequestContentException", message)
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
        refuse(400, "InvalidRequestContentException", message)
