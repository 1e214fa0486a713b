"""
Lambda authorizers of the template's APIs. Their results are not cached.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

import json
import re
import time
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qs

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import Scope, header
from lambda_live.http.aws_errors import ServiceError
from lambda_live.http.payloads import api_event_v1, api_event_v2
from lambda_live.http.routes import RouteMatch, request_path
from lambda_live.model.invocation import Invocation, Result
from lambda_live.model.strict_json import loads
from lambda_live.model.template import Authorizer
from lambda_live.telemetry.listener import Listener

_EXPLICIT_DENY = "User is not authorized to access this resource with an explicit deny"
_IMPLICIT_DENY = "User is not authorized to access this resource"


class Authorizers:
    """Ask them."""

    def __init__(self, functions: FunctionRegistry, listener: Listener) -> None:
        self._functions = functions
        self._listener = listener

    async def authorize(self, way: RouteMatch, scope: Scope) -> dict[str, Any] | None:
        """
        Return what one says of the caller, as events have it; None if the route has none here.

        Raises:
            ServiceError: The caller may not pass.
        """
        authorizer = way.route.authorizer
        function = self._functions.get(authorizer.function or "") if authorizer else None
        if authorizer is None or function is None:
            return None
        identity = _identity(authorizer, way, scope)
        invocation = Invocation(
            b"", label=f"{authorizer.name} of {scope['method']} {scope['path']}"
        )
        event = _event(authorizer, way, scope, identity, invocation)
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        began = time.monotonic()
        try:
            said = _decision(authorizer, way, await function.invoke(invocation), _arn(way, scope))
        except ValueError as error:
            self._listener.service_log(f"{authorizer.name} decides nothing: {error}", "ERROR")
            message = None if way.route.is_rest else "Internal Server Error"
            _raise_error(500, "AuthorizerConfigurationException", {"message": message})
        if way.route.is_rest:
            return {
                **_as_strings(said),
                "integrationLatency": int((time.monotonic() - began) * 1000),
            }
        return {"lambda": said.get("context")} if way.route.payload_format == "2.0" else _flat(said)


def _identity(authorizer: Authorizer, way: RouteMatch, scope: Scope) -> list[str]:
    """Return the values of the sources; a request without one of them is refused unasked."""
    values = [_value(source, way, scope) for source in authorizer.identity]
    pattern = authorizer.validation
    wrong = authorizer.kind == "TOKEN" and pattern and not re.fullmatch(pattern, values[0] or "")
    if (authorizer.is_cached and not all(values)) or wrong:
        _unauthorized()
    return [value or "" for value in values]


def _value(source: str, way: RouteMatch, scope: Scope) -> str | None:
    place, _, name = source.partition(".")
    match place:
        case "header":
            return header(scope, name.lower().encode())
        case "querystring":
            query = parse_qs(scope["query_string"].decode("latin-1"))
            return next(iter(query.get(name, ())), None)
        case "stageVariables":
            return (way.route.stage_variables or {}).get(name)
        case _:
            known: Any = api_event_v1(way, scope, b"", Invocation(b""))["requestContext"]
            for part in name.split("."):
                known = known.get(part) if isinstance(known, dict) else None
            return None if known is None else str(known)


def _event(
    authorizer: Authorizer,
    way: RouteMatch,
    scope: Scope,
    identity: list[str],
    invocation: Invocation,
) -> dict[str, Any]:
    arn, rest = _arn(way, scope), way.route.is_rest
    if authorizer.kind == "TOKEN":
        return {"type": "TOKEN", "methodArn": arn, "authorizationToken": identity[0]}
    if not rest and authorizer.payload_format == "2.0":
        event = api_event_v2(way, scope, b"", invocation)
        event |= {"type": "REQUEST", "routeArn": arn, "identitySource": identity or None}
    else:
        event = api_event_v1(way, scope, b"", invocation)
        event |= {"type": "REQUEST", "methodArn": arn}
        if not rest:
            token = ",".join(identity)
            event |= {"identitySource": token, "authorizationToken": token}
    return {name: event[name] for name in event if name not in ("body", "isBase64Encoded")}


def _arn(way: RouteMatch, scope: Scope) -> str:
    route, account = way.route, way.function.configuration.account
    api = f"{account.region}:{account.account_id}:{route.api}/{route.stage}"
    return f"arn:aws:execute-api:{api}/{scope['method']}{request_path(route, scope)}"


def _decision(authorizer: Authorizer, way: RouteMatch, result: Result, arn: str) -> dict[str, Any]:
    """Return what was said of who may pass. Raises ServiceError, or ValueError if nothing was."""
    said = loads(result.payload)
    if result.error_type is not None:
        if said.get("errorMessage") == "Unauthorized":
            _unauthorized()
        message = f"it failed with {result.error_type}"
        raise ValueError(message)
    effect = _effect(said, arn, simple=authorizer.has_simple_response)
    if effect != "Allow":
        why = _EXPLICIT_DENY if effect else _IMPLICIT_DENY
        body = {"Message": why} if way.route.is_rest else {"message": "Forbidden"}
        _raise_error(403, "AccessDeniedException", body)
    return dict(said)


def _effect(said: object, arn: str, *, simple: bool) -> str | None:
    match said:
        case {"isAuthorized": bool() as allowed} if simple:
            return "Allow" if allowed else None
        case {"policyDocument": dict() as document} if not simple:
            return evaluate(document, arn)
        case _:
            wanted = "isAuthorized, true or false" if simple else "policyDocument"
            message = f"it returned no object with {wanted}"
            raise ValueError(message)


def _flat(said: dict[str, Any]) -> dict[str, Any]:
    context = said.get("context")
    principal = {"principalId": said["principalId"]} if "principalId" in said else {}
    return {**(context if isinstance(context, dict) else {}), **principal}


def _as_strings(said: dict[str, Any]) -> dict[str, str]:
    """Return what a REST API hands over: texts alone."""
    flat = _flat(said).items()
    return {name: each if isinstance(each, str) else json.dumps(each) for name, each in flat}


def _unauthorized() -> NoReturn:
    _raise_error(401, "UnauthorizedException", {"message": "Unauthorized"})


def _raise_error(status: int, error_type: str, body: Mapping[str, str | None]) -> NoReturn:
    raise ServiceError(status, error_type, body)


_ACTION = "execute-api:Invoke"


def evaluate(document: dict[str, Any], arn: str) -> str | None:
    """Return Allow or Deny, or None if no statement speaks of the call; Deny wins."""
    statements = [each for each in _listed(document, "Statement") if isinstance(each, dict)]
    effects = [each.get("Effect") for each in statements if _applies(each, arn)]
    return next((effect for effect in ("Deny", "Allow") if effect in effects), None)


def _applies(statement: dict[str, Any], arn: str) -> bool:
    actions, resources = _listed(statement, "Action"), _listed(statement, "Resource")
    acts = any(_matches(str(each).lower(), _ACTION.lower()) for each in actions)
    return acts and any(_matches(str(each), arn) for each in resources)


def _listed(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key, [])
    return found if isinstance(found, list) else [found]


def _matches(pattern: str, text: str) -> bool:
    written = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(written, text, re.DOTALL) is not None
