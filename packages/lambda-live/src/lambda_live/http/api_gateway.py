"""
API Gateway: the REST and HTTP APIs of the template.

A request whose path matches a route is turned into an event of payload format 1.0 or 2.0. The
function's result becomes the response. The routes come from SAM's events and from API resources.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry, is_function_host
from lambda_live.functions.request_queue import RejectedError, ThrottledError
from lambda_live.http import cors
from lambda_live.http.asgi import (
    BodyTooLargeError,
    Response,
    Scope,
    event_file_name,
    header,
    read_body,
)
from lambda_live.http.authorizers import Authorizers, RequestContext
from lambda_live.http.aws_errors import ErrorPage, ServiceError, json_response
from lambda_live.http.headers import HTTP_API, REST_API, add_http_api_ids, add_rest_api_ids
from lambda_live.http.operations import Operation, OperationMatch, Request, invoke
from lambda_live.http.payloads import api_event_v1, api_event_v2, is_binary
from lambda_live.http.proxy_response import MalformedResponseError, parse_v1, parse_v2
from lambda_live.http.request_checks import check_api_key, check_body, check_parameters
from lambda_live.http.routes import RouteMatch, match_routes, request_value
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES, Invocation, Result
from lambda_live.model.service import UnverifiedCaller
from lambda_live.telemetry.listener import Listener

_DEFAULT_TIMEOUT_SECONDS = (30.0, 29.0)
"""Integration timeouts of an HTTP API and a REST API, unless the template sets one."""


class ApiGateway:
    """Serves the requests whose path matches a route."""

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
        self._authorizers = Authorizers(functions, listener, caller)

    def resolve(self, scope: Scope) -> OperationMatch | None:
        """Return the operation and the function of a request, or None if no API serves it."""
        matches = match_routes(self._functions, scope)
        if not matches:
            return self._without_route(scope)
        if (preflight := _preflight(matches, scope)) is not None:
            return _operation(partial(self._answer_preflight, matches[0], preflight), matches[0])
        methods = (scope["method"], "ANY")
        match = next((match for match in matches if match.route.method in methods), None)
        if match is not None:
            return _operation(partial(self._invoke, match), match)
        match = next((match for match in matches if match.route.is_rest), matches[0])
        return _operation(partial(_raise_no_method, match), match)

    def _without_route(self, scope: Scope) -> OperationMatch | None:
        """Return AWS's error for a path without a route, or None if it can be a function URL's."""
        host = header(scope, b"host") or ""
        if is_function_host(host) or self._functions.by_host_or_only(host) is not None:
            return None
        routes = [
            RouteMatch(function, route, {}, ())
            for function in self._functions
            for route in function.desired_configuration.routes
        ]
        match = next((each for each in routes if each.route.is_rest), next(iter(routes), None))
        return None if match is None else _operation(partial(_raise_no_method, match), match)

    async def _answer_preflight(
        self, match: RouteMatch, preflight: Response, request: Request
    ) -> Response:
        route = replace(
            match.route,
            authorizer=match.route.preflight_authorizer,
            api_key=match.route.preflight_api_key,
        )
        await self._authorize(replace(match, route=route), request.scope)
        return preflight

    async def _invoke(self, match: RouteMatch, request: Request) -> Response:
        scope, invocation = request.scope, request.invocation
        if not match.route.is_proxy:
            return _message(501, "lambda-live has no integrations of type AWS; use AWS_PROXY")
        try:
            body = await read_body(scope, request.receive, MAX_SYNC_PAYLOAD_BYTES)
        except BodyTooLargeError:
            return _message(413, "Request Too Long" if match.route.is_rest else "Payload Too Large")
        added = await self._authorize(match, scope)
        check_parameters(match, scope)
        check_body(match, scope, body, self._listener)
        to_event = api_event_v1 if match.route.payload_format == "1.0" else api_event_v2
        event = to_event(match, scope, body, invocation)
        context = event["requestContext"]
        for name, members in added.items():
            context[name] = context.get(name, {}) | members
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        invocation.qualifier = match.route.qualifier
        invocation.tenant_id = _tenant_id(match, scope, context)
        invocation.label = event_file_name(scope) or f"{scope['method']} {scope['path']}"
        invocation.read_status = partial(_read_status, match, scope)
        try:
            result = await self._wait_for_result(match, invocation, scope)
        except RejectedError as error:
            return self._failure(match, request, 500, str(error))
        except ThrottledError:
            return self._failure(match, request, 500, "the function was throttled (429)")
        response = self._respond(match, request, result)
        if not match.route.is_rest:
            cors.add_cors_headers(match.route.cors, scope, response)
        return response

    async def _authorize(self, match: RouteMatch, scope: Scope) -> RequestContext:
        """Return what the authorizer and the API key add to the event. Raises ServiceError."""
        added = await self._authorizers.authorize(match, scope)
        if match.route.api_key is not None:
            identity = added.setdefault("identity", {})
            identity |= check_api_key(match.route.api_key, scope, identity.get("apiKey"))
        return added

    async def _wait_for_result(
        self, match: RouteMatch, invocation: Invocation, scope: Scope
    ) -> Result | None:
        """Return the result, or None if the API's timeout expires first."""
        seconds = match.route.timeout or _DEFAULT_TIMEOUT_SECONDS[match.route.is_rest]
        result = asyncio.ensure_future(invoke(match.function, invocation, scope))
        try:
            await asyncio.wait([result], timeout=seconds)
        except asyncio.CancelledError:
            result.cancel()
            raise
        if result.done():
            return result.result()
        result.add_done_callback(_consume_result)
        message = f"{invocation.label} exceeded the API's {seconds:g} s timeout"
        self._listener.service_log(f"{message}; the function keeps running", "ERROR")
        return None

    def _respond(self, match: RouteMatch, request: Request, result: Result | None) -> Response:
        if result is None:
            return _timeout_response(match)
        if result.error_type is not None:
            response = self._failure(match, request, 502)
        else:
            try:
                response = _response(match, request.scope, result)
            except MalformedResponseError as error:
                response = self._failure(match, request, 502, str(error))
        response.code_sha256 = result.code_sha256
        return response

    def _failure(
        self, match: RouteMatch, request: Request, rest_status: int, cause: str = ""
    ) -> Response:
        response, reason = _error_response(match, rest_status), ""
        if cause:
            reason = f"The API returned {response.status}: {cause}"
            self._listener.service_log(reason, "ERROR")
        request_id = request.invocation.request_id
        return self._error_page(response, request.scope, request_id, reason)


def _tenant_id(match: RouteMatch, scope: Scope, context: Mapping[str, Any]) -> str | None:
    """Return the tenant id that a REST API passes on."""
    source = match.route.tenant
    if source is None or source.startswith("'"):
        return source and source.strip("'")
    return request_value(source, match, scope, context)


def _operation(operation: Operation, match: RouteMatch) -> OperationMatch:
    add_ids = add_rest_api_ids if match.route.is_rest else add_http_api_ids
    allows_origin = partial(_allows_origin, match.function)
    return OperationMatch(operation, match.function, add_ids, allows_origin=allows_origin)


def _allows_origin(function: Function, origin: str) -> bool:
    return any(
        cors.allows_origin(route.cors, origin) for route in function.desired_configuration.routes
    )


def _response(match: RouteMatch, scope: Scope, result: Result) -> Response:
    remapping = REST_API if match.route.is_rest else HTTP_API
    if match.route.payload_format != "1.0":
        return parse_v2(result.payload, remapping)
    accepted = header(scope, b"accept") or "*/*"
    is_rest = match.route.is_rest
    decode_binary = not is_rest or is_binary(match, accepted)
    return parse_v1(result.payload, remapping, is_rest=is_rest, decode_binary=decode_binary)


def _read_status(match: RouteMatch, scope: Scope, result: Result) -> int:
    """Return the status of the response. Raises MalformedResponseError."""
    return _response(match, scope, result).status


def _message(status: int, message: str) -> Response:
    return json_response({"message": message}, status)


def _server_error(status: int, message: str) -> Response:
    return ServiceError(status, "InternalServerErrorException", {"message": message}).response()


def _error_response(match: RouteMatch, rest_status: int) -> Response:
    """
    Return AWS's response if a function failed or was throttled. The two kinds of API differ.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html
    """
    if match.route.is_rest:
        return _server_error(rest_status, "Internal server error")
    return _message(500, "Internal Server Error")


def _timeout_response(match: RouteMatch) -> Response:
    if match.route.is_rest:
        return _server_error(504, "Endpoint request timed out")
    return _message(503, "Service Unavailable")


def _consume_result(result: asyncio.Future[Result]) -> None:
    """Retrieve an exception for which no caller waits. Otherwise asyncio logs it."""
    if not result.cancelled():
        result.exception()


def _preflight(matches: list[RouteMatch], scope: Scope) -> Response | None:
    """Return the API's response to a CORS preflight, or None if a function must answer."""
    if scope["method"] != "OPTIONS":
        return None
    first = matches[0].route
    if not first.is_rest:
        return cors.preflight(first.cors, scope, 204)
    methods = [match.route.method for match in matches if match.route.path == first.path]
    if first.cors is None or "OPTIONS" in methods:
        return None
    return cors.sam_preflight(first.cors, methods)


async def _raise_no_method(match: RouteMatch, _: Request) -> NoReturn:
    """Raise the error of an API of AWS for a request without a route."""
    if match.route.is_rest:
        raise ServiceError(
            403, "MissingAuthenticationTokenException", {"message": "Missing Authentication Token"}
        )
    raise ServiceError(404, "NotFoundException", {"message": "Not Found"})
