"""
The APIs of the template: its functions' events of type Api and HttpApi, and what amounts to them.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import json
from functools import partial
from typing import Any, NoReturn

from lambda_local.door.answers import ServiceError, answer_json
from lambda_local.door.cors import allows
from lambda_local.door.event import to_event
from lambda_local.door.event_1 import is_binary, staged, to_event_1
from lambda_local.door.http import (
    SYNC_LIMIT,
    BodyTooLargeError,
    Response,
    Scope,
    header,
    read_body,
)
from lambda_local.door.names import Named
from lambda_local.door.operations import Operation, Request
from lambda_local.door.routes import DEFAULT, Way, ways
from lambda_local.door.structured import MalformedResponseError, from_result, from_result_1
from lambda_local.function.function import Function
from lambda_local.function.functions import Functions
from lambda_local.invocation import Result
from lambda_local.telemetry.listener import Listener


class Api:
    """Answers requests whose path is that of a route."""

    def __init__(self, functions: Functions, listener: Listener) -> None:
        self._functions = functions
        self._listener = listener

    def has(self, scope: Scope) -> bool:
        """Whether some route has that path."""
        return bool(ways(self._functions, scope))

    def find(self, scope: Scope) -> tuple[Operation, Named]:
        """Return what answers, and the function of the route. Raises ServiceError."""
        found = ways(self._functions, scope)
        methods = (scope["method"], "ANY")
        way = next((way for way in found if way.route.method in methods), None)
        if way is None:
            _refuse(rest=any(way.route.rest for way in found))
        return partial(self._answer, way), Named(way.function)

    @staticmethod
    def allows_origin(function: Function, origin: str) -> bool:
        """Whether pages of that origin may ask it."""
        return any(allows(route.cors, origin) for route in function.wanted.routes)

    async def _answer(self, way: Way, request: Request) -> Response:
        scope, invocation = request.scope, request.invocation
        try:
            body = await read_body(scope, request.receive, SYNC_LIMIT)
        except BodyTooLargeError:
            return _message(413, "Request Too Long" if way.route.rest else "Payload Too Large")
        one = way.route.payload_format == "1.0"
        event = to_event_1(way, scope, body, invocation) if one else _event_2(way, request, body)
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        named = header(scope, b"x-lambda-local-event")
        invocation.call = named or f"{scope['method']} {scope['path']}"
        return self._respond(way, scope, await way.function.invoke(invocation))

    def _respond(self, way: Way, scope: Scope, result: Result) -> Response:
        response = _failed(way)
        if result.error_type is None:
            try:
                response = _response(way, scope, result)
            except MalformedResponseError as error:
                self._listener.service_said(f"the API answers {response.status}: {error}", "ERROR")
        response.headers.append(("X-Lambda-Local-Code-Sha256", result.code_sha256))
        return response


def _response(way: Way, scope: Scope, result: Result) -> Response:
    if way.route.payload_format != "1.0":
        return from_result(result.payload)
    accepted = header(scope, b"accept") or "*/*"
    binary = not way.route.rest or is_binary(way, accepted)
    return from_result_1(result.payload, binary=binary)


def _event_2(way: Way, request: Request, body: bytes) -> dict[str, Any]:
    route, account = way.route, way.function.configuration.account
    event = to_event(request.scope, body, request.invocation, route.api)
    key = DEFAULT if route.path == DEFAULT else f"{route.method} {route.path}"
    path = staged(way, request.scope)
    context = event["requestContext"]
    event |= {"routeKey": key, "rawPath": path}
    context |= {"accountId": account.account_id, "routeKey": key, "stage": route.stage}
    context["http"]["path"] = path
    if way.parameters:
        event["pathParameters"] = way.parameters
    if route.stage_variables:
        event["stageVariables"] = route.stage_variables
    return event


def _message(status: int, message: str) -> Response:
    return answer_json({"message": message}, status)


def _failed(way: Way) -> Response:
    """Return what AWS answers for a function that failed: each of the two kinds its own."""
    if way.route.rest:
        return _message(502, "Internal server error")
    return _message(500, "Internal Server Error")


def _refuse(*, rest: bool) -> NoReturn:
    """Answer a method that no route of the path has."""
    if rest:
        raise ServiceError(
            403, "MissingAuthenticationTokenException", {"message": "Missing Authentication Token"}
        )
    raise ServiceError(404, "NotFoundException", {"message": "Not Found"})
