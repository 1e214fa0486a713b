"""
The function URL: HTTP in, payload format 2.0 to the function, HTTP out.

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
from lambda_live.http.aws_errors import ErrorPages, raise_user_error
from lambda_live.http.headers import FUNCTION_URL, add_function_url_ids
from lambda_live.http.operations import FunctionReference, OperationMatch, Request
from lambda_live.http.payloads import function_url_event
from lambda_live.http.proxy_response import MalformedResponseError, parse_v2
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES, Result
from lambda_live.telemetry.listener import Listener


class FunctionUrl:
    """Answers every request that is not for the Invoke API."""

    def __init__(
        self, functions: FunctionRegistry, listener: Listener, error_pages: ErrorPages
    ) -> None:
        self._functions = functions
        self._listener = listener
        self._error_pages = error_pages

    def resolve(self, scope: Scope) -> OperationMatch:
        """Return the function that the host names, or the only one. Raises ServiceError."""
        function = self._functions.by_host_or_only(header(scope, b"host") or "")
        if function is None:
            urls = [function_url(self._functions, each, scope) for each in self._functions]
            raise_user_error(404, "ResourceNotFoundException", f"Which function? {' '.join(urls)}")
        allows = partial(cors.allows_origin, function.desired_configuration.url.cors)
        return OperationMatch(
            self._answer, FunctionReference(function), add_function_url_ids, allows
        )

    async def _answer(self, request: Request) -> Response:
        scope, receive, invocation = request.scope, request.receive, request.invocation
        function = request.reference.function
        shared = function.desired_configuration.url.cors
        if (preflight := cors.preflight(shared, scope)) is not None:
            return preflight
        try:
            body = await read_body(scope, receive, MAX_SYNC_PAYLOAD_BYTES)
        except BodyTooLargeError:
            return _plain(
                413, '{"Message":"Request must be smaller than 6291456 bytes"}', "application/json"
            )
        event = function_url_event(scope, body, invocation, function.configuration.name)
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        named = event_file_name(scope)
        invocation.label = named or f"{scope['method']} {event['rawPath']}"
        response = self._respond(await function.invoke(invocation), request)
        cors.add_cors_headers(shared, scope, response)
        return response

    def _respond(self, result: Result, request: Request) -> Response:
        if result.error_type is not None:
            response = self._failure(request)
        else:
            try:
                response = parse_v2(result.payload, FUNCTION_URL, objects=True)
            except MalformedResponseError as error:
                self._listener.service_log(f"the function URL answers 502: {error}", "ERROR")
                response = self._failure(request, f"The function URL answers 502: {error}")
        response.code_sha256 = result.code_sha256
        return response

    def _failure(self, request: Request, why: str = "") -> Response:
        answer = _plain(502, "Internal Server Error")
        request_id = request.invocation.request_id
        return self._error_pages.for_browser(answer, request.scope, request_id, why)


def function_url(functions: FunctionRegistry, function: Function, scope: Scope) -> str:
    """Return the function's URL, as who sent this request can reach it."""
    host = header(scope, b"host") or "localhost"
    if len(functions) == 1:
        return f"{scope['scheme']}://{host}/"
    port = urlsplit(f"//{host}").port
    suffix = f":{port}" if port else ""
    return f"{scope['scheme']}://{function.configuration.name.lower()}.localhost{suffix}/"


def _plain(status: int, text: str, content_type: str = "text/plain") -> Response:
    return Response(status, text.encode(), [("Content-Type", content_type)])
