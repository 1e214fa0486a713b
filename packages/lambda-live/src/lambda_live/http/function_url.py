"""
The function URL: HTTP in, payload format 2.0 to the function, HTTP out.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import json
from functools import partial
from urllib.parse import urlsplit

from lambda_live.functions.function import Function
from lambda_live.functions.registry import Functions
from lambda_live.http import cors, id_headers
from lambda_live.http.asgi import (
    SYNC_LIMIT,
    BodyTooLargeError,
    Response,
    Scope,
    event_named,
    header,
    read_body,
)
from lambda_live.http.aws_errors import refuse
from lambda_live.http.function_reference import Named
from lambda_live.http.header_remapping import FUNCTION_URL
from lambda_live.http.operations import Found, Request
from lambda_live.http.payload_url import to_event
from lambda_live.http.proxy_response import MalformedResponseError, from_result
from lambda_live.model.invocation import Result
from lambda_live.telemetry.listener import Listener
from lambda_live.ui.failure_page import FailurePages


class FunctionUrl:
    """Answers every request that is not for the Invoke API."""

    def __init__(self, functions: Functions, listener: Listener, failures: FailurePages) -> None:
        self._functions = functions
        self._listener = listener
        self._failures = failures

    def find(self, scope: Scope) -> Found:
        """Return the function that the host names, or the only one. Raises ServiceError."""
        function = self._functions.of_host(header(scope, b"host") or "")
        if function is None:
            urls = [url_of(self._functions, each, scope) for each in self._functions]
            refuse(404, "ResourceNotFoundException", f"Which function? {' '.join(urls)}")
        allows = partial(cors.allows, function.wanted.url.cors)
        return Found(self._answer, Named(function), id_headers.of_url, allows)

    async def _answer(self, request: Request) -> Response:
        scope, receive, invocation = request.scope, request.receive, request.invocation
        function = request.named.function
        shared = function.wanted.url.cors
        if (preflight := cors.preflight(shared, scope)) is not None:
            return preflight
        try:
            body = await read_body(scope, receive, SYNC_LIMIT)
        except BodyTooLargeError:
            return _plain(
                413, '{"Message":"Request must be smaller than 6291456 bytes"}', "application/json"
            )
        event = to_event(scope, body, invocation, function.configuration.name)
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        named = event_named(scope)
        invocation.call = named or f"{scope['method']} {event['rawPath']}"
        response = self._respond(await function.invoke(invocation), request)
        cors.share(shared, scope, response)
        return response

    def _respond(self, result: Result, request: Request) -> Response:
        if result.error_type is not None:
            response = self._failure(request)
        else:
            try:
                response = from_result(result.payload, FUNCTION_URL, objects=True)
            except MalformedResponseError as error:
                self._listener.service_log(f"the function URL answers 502: {error}", "ERROR")
                response = self._failure(request, f"The function URL answers 502: {error}")
        response.code_sha256 = result.code_sha256
        return response

    def _failure(self, request: Request, why: str = "") -> Response:
        answer = _plain(502, "Internal Server Error")
        request_id = request.invocation.request_id
        return self._failures.for_browser(answer, request.scope, request_id, why)


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
