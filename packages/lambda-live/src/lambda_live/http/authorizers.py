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
_ACTION = "execute-api:Invoke"


class Authorizers:
    """Invokes the Lambda authorizers of routes."""

    def __init__(self, functions: FunctionRegistry, listener: Listener) -> None:
        self._functions = functions
        self._listener = listener

    async def authorize(self, match: RouteMatch, scope: Scope) -> dict[str, Any] | None:
        """
        Return `requestContext.authorizer` of the event, or None without a Lambda authorizer.

        Raises:
            ServiceError: The authorizer denied the request, or failed.
        """
        authorizer = match.route.authorizer
        function = self._functions.get(authorizer.function or "") if authorizer else None
        if authorizer is None or function is None:
            return None
        identity = _identity(authorizer, match, scope)
        invocation = Invocation(
            b"", label=f"{authorizer.name} of {scope['method']} {scope['path']}"
        )
        event = _event(authorizer, match, scope, identity, invocation)
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        start = time.monotonic()
        try:
            result = await function.invoke(invocation)
            decision = _decision(authorizer, match, result, _arn(match, scope))
        except ValueError as error:
            self._listener.service_log(f"authorizer {authorizer.name} {error}", "ERROR")
            message = None if match.route.is_rest else "Internal Server Error"
            _raise_error(500, "AuthorizerConfigurationException", {"message": message})
        if match.route.is_rest:
            latency_ms = int((time.monotonic() - start) * 1000)
            return {**_as_strings(decision), "integrationLatency": latency_ms}
        if match.route.payload_format == "2.0":
            return {"lambda": decision.get("context")}
        return _flat(decision)


def _identity(authorizer: Authorizer, match: RouteMatch, scope: Scope) -> list[str]:
    """Return the values of the identity sources. Raises ServiceError if one is missing."""
    values = [_identity_value(source, match, scope) for source in authorizer.identity]
    pattern = authorizer.validation
    is_invalid = (
        authorizer.kind == "TOKEN" and pattern and not re.fullmatch(pattern, values[0] or "")
    )
    if (authorizer.is_cached and not all(values)) or is_invalid:
        _raise_unauthorized()
    return [value or "" for value in values]


def _identity_value(source: str, match: RouteMatch, scope: Scope) -> str | None:
    kind, _, name = source.partition(".")
    match kind:
        case "header":
            return header(scope, name.lower().encode())
        case "querystring":
            query = parse_qs(scope["query_string"].decode("latin-1"))
            return next(iter(query.get(name, ())), None)
        case "stageVariables":
            return (match.route.stage_variables or {}).get(name)
        case _:
            value: Any = api_event_v1(match, scope, b"", Invocation(b""))["requestContext"]
            for part in name.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            return None if value is None else str(value)


def _event(
    authorizer: Authorizer,
    match: RouteMatch,
    scope: Scope,
    identity: list[str],
    invocation: Invocation,
) -> dict[str, Any]:
    arn, is_rest = _arn(match, scope), match.route.is_rest
    if authorizer.kind == "TOKEN":
        return {"type": "TOKEN", "methodArn": arn, "authorizationToken": identity[0]}
    if not is_rest and authorizer.payload_format == "2.0":
        event = api_event_v2(match, scope, b"", invocation)
        event |= {"type": "REQUEST", "routeArn": arn, "identitySource": identity or None}
    else:
        event = api_event_v1(match, scope, b"", invocation)
        event |= {"type": "REQUEST", "methodArn": arn}
        if not is_rest:
            token = ",".join(identity)
            event |= {"identitySource": token, "authorizationToken": token}
    return {name: event[name] for name in event if name not in ("body", "isBase64Encoded")}


def _arn(match: RouteMatch, scope: Scope) -> str:
    route, account = match.route, match.function.configuration.account
    api = f"{account.region}:{account.account_id}:{route.api}/{route.stage}"
    return f"arn:aws:execute-api:{api}/{scope['method']}{request_path(route, scope)}"


def _decision(
    authorizer: Authorizer, match: RouteMatch, result: Result, arn: str
) -> dict[str, Any]:
    """Return an authorizer's result that allows the request. Raises ServiceError, ValueError."""
    decision = loads(result.payload)
    if result.error_type is not None:
        if decision.get("errorMessage") == "Unauthorized":
            _raise_unauthorized()
        message = f"failed with {result.error_type}"
        raise ValueError(message)
    effect = _effect(decision, arn, is_simple=authorizer.has_simple_response)
    if effect != "Allow":
        message = _EXPLICIT_DENY if effect else _IMPLICIT_DENY
        body = {"Message": message} if match.route.is_rest else {"message": "Forbidden"}
        _raise_error(403, "AccessDeniedException", body)
    return dict(decision)


def _effect(decision: object, arn: str, *, is_simple: bool) -> str | None:
    match decision:
        case {"isAuthorized": bool() as allowed} if is_simple:
            return "Allow" if allowed else None
        case {"policyDocument": dict() as document} if not is_simple:
            return _evaluate(document, arn)
        case _:
            missing = "isAuthorized (true or false)" if is_simple else "policyDocument"
            message = f"returned an invalid response: no {missing}"
            raise ValueError(message)


def _flat(decision: dict[str, Any]) -> dict[str, Any]:
    context = decision.get("context")
    principal = {"principalId": decision["principalId"]} if "principalId" in decision else {}
    return {**(context if isinstance(context, dict) else {}), **principal}


def _as_strings(decision: dict[str, Any]) -> dict[str, str]:
    """Return the context as a REST API passes it on: each value is a string."""
    flat = _flat(decision).items()
    return {name: each if isinstance(each, str) else json.dumps(each) for name, each in flat}


def _raise_unauthorized() -> NoReturn:
    _raise_error(401, "UnauthorizedException", {"message": "Unauthorized"})


def _raise_error(status: int, error_type: str, body: Mapping[str, str | None]) -> NoReturn:
    raise ServiceError(status, error_type, body)


def _evaluate(document: dict[str, Any], arn: str) -> str | None:
    """Return Allow or Deny, or None if no statement applies. Deny wins; conditions are ignored."""
    statements = [each for each in _listed(document, "Statement") if isinstance(each, dict)]
    effects = [each.get("Effect") for each in statements if _applies(each, arn)]
    return next((effect for effect in ("Deny", "Allow") if effect in effects), None)


def _applies(statement: dict[str, Any], arn: str) -> bool:
    actions, resources = _listed(statement, "Action"), _listed(statement, "Resource")
    action_matches = any(_matches(str(each).lower(), _ACTION.lower()) for each in actions)
    return action_matches and any(_matches(str(each), arn) for each in resources)


def _listed(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key, [])
    return found if isinstance(found, list) else [found]


def _matches(pattern: str, text: str) -> bool:
    regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, text, re.DOTALL) is not None
