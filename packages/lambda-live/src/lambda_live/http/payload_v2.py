"""
A request over HTTP as an event of an HTTP API: payload format 2.0.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from typing import Any

from lambda_live.http.asgi import Scope
from lambda_live.http.payload_url import to_event
from lambda_live.http.payload_v1 import staged
from lambda_live.http.routes import DEFAULT, Way
from lambda_live.model.invocation import Invocation


def to_event_2(way: Way, scope: Scope, body: bytes, invocation: Invocation) -> dict[str, Any]:
    """Return the request as API Gateway gives it to a function."""
    route, account = way.route, way.function.configuration.account
    event = to_event(scope, body, invocation, route.api)
    key = DEFAULT if route.path == DEFAULT else f"{route.method} {route.path}"
    path = staged(way, scope)
    context = event["requestContext"]
    event |= {"routeKey": key, "rawPath": path}
    context |= {"accountId": account.account_id, "routeKey": key, "stage": route.stage}
    context["http"]["path"] = path
    if way.parameters:
        event["pathParameters"] = way.parameters
    if route.stage_variables:
        event["stageVariables"] = route.stage_variables
    return event
