"""
The APIs of the template: its functions' events of type Api and HttpApi, and what amounts to them.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import asyncio
import json
from dataclasses import replace
from functools import partial
from typing import NoReturn

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
from lambda_live.http.authorizers import Authorizers
from lambda_live.http.aws_errors import ErrorPages, ServiceError, json_response
from lambda_live.http.headers import HTTP_API, REST_API, add_http_api_ids, add_rest_api_ids
from lambda_live.http.operations import FunctionReference, Operation, OperationMatch, Request
from lambda_live.http.payloads import api_event_v1, api_event_v2, is_binary
from lambda_live.http.proxy_response import (
    MalformedResponseError,
    parse_v1,
    parse_v2,
)
from lambda_live.http.routes import RouteMatch, match_routes
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES, Invocation, Result
from lambda_live.telemetry.listener import Listener

_DEFAULT_TIMEOUT_SECONDS = (30.0, 29.0)
"""Seconds that an HTTP API, and a REST API, waits for a function if the template does not say."""


class ApiGateway:
    """Answers requests whose path is that of a route."""

    def __init__(
        self, functions: FunctionRegistry, listener: Listener, error_pages: ErrorPages
    ) -> None:
        self._functions = functions
        self._listener = listener
        self._error_pages = error_pages
        self._authorizers = Authorizers(functions, listener)

    def resolve(self, scope: Scope) -> OperationMatch | None:
        """Return what answers, and the function of the route; None if none has that path."""
        found = match_routes(self._functions, scope)
        if not found:
            return None
        if (preflight := _preflight(found, scope)) is not None:
            return _found(partial(self._answer_preflight, found[0], preflight), found[0])
        methods = (scope["method"], "ANY")
        way = next((way for way in found if way.route.method in methods), None)
        if way is not None:
            return _found(partial(self._answer, way), way)
        way = next((way for way in found if way.route.is_rest), found[0])
        return _found(partial(_refuse, way), way)

    async def _answer_preflight(
        self, way: RouteMatch, preflight: Response, request: Request
    ) -> Response:
        route = replace(way.route, authorizer=way.route.preflight_authorizer)
        await self._authorizers.authorize(replace(way, route=route), request.scope)
        return preflight

    async def _answer(self, way: RouteMatch, request: Request) -> Response:
        scope, invocation = request.scope, request.invocation
        try:
            body = await read_body(scope, request.receive, MAX_SYNC_PAYLOAD_BYTES)
        except BodyTooLargeError:
            return _message(413, "Request Too Long" if way.route.is_rest else "Payload Too Large")
        authorizer = await self._authorizers.authorize(way, scope)
        to_event = api_event_v1 if way.route.payload_format == "1.0" else api_event_v2
        event = to_event(way, scope, body, invocation)
        if authorizer is not None:
            event["requestContext"]["authorizer"] = authorizer
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        named = event_file_name(scope)
        invocation.label = named or f"{scope['method']} {scope['path']}"
        response = self._respond(way, request, await self._result(way, invocation))
        if not way.route.is_rest:
            cors.add_cors_headers(way.route.cors, scope, response)
        return response

    async def _result(self, way: RouteMatch, invocation: Invocation) -> Result | None:
        """Return what comes of it; None if that takes longer than the API waits."""
        seconds = way.route.timeout or _DEFAULT_TIMEOUT_SECONDS[way.route.is_rest]
        running = asyncio.ensure_future(way.function.invoke(invocation))
        try:
            await asyncio.wait([running], timeout=seconds)
        except asyncio.CancelledError:
            running.cancel()
            raise
        if running.done():
            return running.result()
        running.add_done_callback(_consume_result)
        said = f"the API waits no longer than {seconds:g} s for {invocation.label}, which goes on"
        self._listener.service_log(said, "ERROR")
        return None

    def _respond(self, way: RouteMatch, request: Request, result: Result | None) -> Response:
        if result is None:
            return _timeout_response(way)
        if result.error_type is not None:
            response = self._failure(way, request)
        else:
            try:
                response = _response(way, request.scope, result)
            except MalformedResponseError as error:
                response = self._failure(way, request, str(error))
        response.code_sha256 = result.code_sha256
        return response

    def _failure(self, way: RouteMatch, request: Request, malformed: str = "") -> Response:
        answer, why = _error_response(way), ""
        if malformed:
            said = f"API answers {answer.status}: {malformed}"
            self._listener.service_log(f"the {said}", "ERROR")
            why = f"The {said}"
        request_id = request.invocation.request_id
        return self._error_pages.for_browser(answer, request.scope, request_id, why)


def _found(operation: Operation, way: RouteMatch) -> OperationMatch:
    sign = add_rest_api_ids if way.route.is_rest else add_http_api_ids
    return OperationMatch(
        operation, FunctionReference(way.function), sign, partial(_allows, way.function)
    )


def _allows(function: Function, origin: str) -> bool:
    return any(
        cors.allows_origin(route.cors, origin) for route in function.desired_configuration.routes
    )


def _response(way: RouteMatch, scope: Scope, result: Result) -> Response:
    remapping = REST_API if way.route.is_rest else HTTP_API
    if way.route.payload_format != "1.0":
        return parse_v2(result.payload, remapping)
    accepted = header(scope, b"accept") or "*/*"
    binary = not way.route.is_rest or is_binary(way, accepted)
    return parse_v1(result.payload, remapping, binary=binary)


def _message(status: int, message: str) -> Response:
    return json_response({"message": message}, status)


def _internal(status: int, message: str) -> Response:
    return ServiceError(status, "InternalServerErrorException", {"message": message}).response()


def _error_response(way: RouteMatch) -> Response:
    """Return what AWS answers for a function that failed: each of the two kinds its own."""
    if way.route.is_rest:
        return _internal(502, "Internal server error")
    return _message(500, "Internal Server Error")


def _timeout_response(way: RouteMatch) -> Response:
    if way.route.is_rest:
        return _internal(504, "Endpoint request timed out")
    return _message(503, "Service Unavailable")


def _consume_result(running: asyncio.Future[Result]) -> None:
    """Take what comes of it, for nobody."""
    if not running.cancelled():
        running.exception()


def _preflight(found: list[RouteMatch], scope: Scope) -> Response | None:
    """Return what an API itself answers to a browser that asks whether it may ask."""
    if scope["method"] != "OPTIONS":
        return None
    first = found[0].route
    if not first.is_rest:
        return cors.preflight(first.cors, scope, 204)
    methods = [way.route.method for way in found if way.route.path == first.path]
    return (
        cors.sam_preflight(first.cors, methods) if first.cors and "OPTIONS" not in methods else None
    )


async def _refuse(way: RouteMatch, _: Request) -> NoReturn:
    """Answer a method that no route of the path has."""
    if way.route.is_rest:
        raise ServiceError(
            403, "MissingAuthenticationTokenException", {"message": "Missing Authentication Token"}
        )
    raise ServiceError(404, "NotFoundException", {"message": "Not Found"})
