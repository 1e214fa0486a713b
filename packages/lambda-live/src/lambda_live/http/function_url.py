"""
Function URLs: a request becomes an event of payload format 2.0, the result becomes the response.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import json
from functools import partial
from urllib.parse import urlsplit

from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http import cors
from lambda_live.http.asgi import (
    BodyTooLargeError,
    Response,
    Scope,
    event_file_name,
    header,
    read_body,
)
from lambda_live.http.aws_errors import ErrorPage, raise_user_error
from lambda_live.http.headers import FUNCTION_URL, add_function_url_ids
from lambda_live.http.identities import iam_authorizer
from lambda_live.http.operations import OperationMatch, Request, invoke
from lambda_live.http.payloads import function_url_event
from lambda_live.http.proxy_response import MalformedResponseError, parse_v2
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES, Result
from lambda_live.model.service import UnverifiedCaller
from lambda_live.telemetry.listener import Listener

_STREAM = "RESPONSE_STREAM"
_STREAM_TYPE = "application/octet-stream"


class FunctionUrl:
    """Serves the requests that no route and no operation matches."""

    def __init__(
        self,
        functions: FunctionRegistry,
        listener: Listener,
        error_page: ErrorPage,
        caller: UnverifiedCaller,
    ) -> None:
        self._functions = functions
        self._listener = listener
        self._error_page = error_page
        self._caller = caller

    def resolve(self, scope: Scope) -> OperationMatch:
        """Return the function that the Host header names, or the only one. Raises ServiceError."""
        host = header(scope, b"host") or ""
        function = self._functions.by_host_or_only(host)
        if function is None:
            urls = ", ".join(function_url(self._functions, each, scope) for each in self._functions)
            message = f"No function has the URL {scope['scheme']}://{host}/; call one of: {urls}"
            raise_user_error("ResourceNotFoundException", message, 404)
        allows_origin = partial(cors.allows_origin, function.desired_configuration.url.cors)
        return OperationMatch(
            self._invoke, function, add_function_url_ids, allows_origin=allows_origin
        )

    async def _invoke(self, request: Request) -> Response:
        scope, receive, invocation = request.scope, request.receive, request.invocation
        function = request.function
        cors_config = function.desired_configuration.url.cors
        invocation.qualifier = function.desired_configuration.url.qualifier
        if (preflight := cors.preflight(cors_config, scope)) is not None:
            return preflight
        try:
            body = await read_body(scope, receive, MAX_SYNC_PAYLOAD_BYTES)
        except BodyTooLargeError:
            return _text_response(
                413, '{"Message":"Request must be smaller than 6291456 bytes"}', "application/json"
            )
        event = function_url_event(scope, body, invocation, function.configuration.name)
        if function.desired_configuration.url.auth_type == "AWS_IAM":
            account_id = function.configuration.account.account_id
            event["requestContext"] |= {
                "accountId": account_id,
                "authorizer": iam_authorizer(scope, self._caller.arn_in(account_id)),
            }
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        invocation.label = event_file_name(scope) or f"{scope['method']} {event['rawPath']}"
        if function.desired_configuration.url.invoke_mode != _STREAM:
            invocation.read_status = _read_status
        result = await invoke(function, invocation, scope)
        response = self._respond(result, request)
        cors.add_cors_headers(cors_config, scope, response)
        return response

    def _respond(self, result: Result, request: Request) -> Response:
        is_stream = request.function.desired_configuration.url.invoke_mode == _STREAM
        if result.error_type is not None:
            response = self._failure(request)
        elif is_stream:
            # Python's runtime does not stream: AWS sends the whole result, unread, as the body.
            response = Response(200, result.payload, [("Content-Type", _STREAM_TYPE)])
        else:
            try:
                response = _parse(result)
            except MalformedResponseError as error:
                reason = f"The function URL returned 502: {error}"
                self._listener.service_log(reason, "ERROR")
                response = self._failure(request, reason)
        response.code_sha256 = result.code_sha256
        return response

    def _failure(self, request: Request, reason: str = "") -> Response:
        response = _text_response(502, "Internal Server Error")
        request_id = request.invocation.request_id
        return self._error_page(response, request.scope, request_id, reason)


def _parse(result: Result) -> Response:
    """Return the response that a result becomes. Raises MalformedResponseError."""
    return parse_v2(result.payload, FUNCTION_URL, is_function_url=True)


def _read_status(result: Result) -> int:
    return _parse(result).status


def function_url(functions: FunctionRegistry, function: Function, scope: Scope) -> str:
    """Return the function's URL with the host and port by which the client reached the service."""
    host = header(scope, b"host") or "localhost"
    if functions.by_host_or_only(host) is not None and len(functions) == 1:
        return f"{scope['scheme']}://{host}/"
    port = urlsplit(f"//{host}").port
    suffix = f":{port}" if port else ""
    return f"{scope['scheme']}://{function.configuration.name.lower()}.localhost{suffix}/"


def _text_response(status: int, text: str, content_type: str = "text/plain") -> Response:
    return Response(status, text.encode(), [("Content-Type", content_type)])
