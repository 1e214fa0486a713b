"""
Authorizers of the template's APIs.

Results of Lambda authorizers are not cached. For other authorizers see `identities`.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

import json
import re
import time
from typing import Any, NoReturn

from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.functions.request_queue import RejectedError, ThrottledError
from lambda_live.http.asgi import Scope
from lambda_live.http.aws_errors import ServiceError
from lambda_live.http.iam_policies import evaluate, statements_of
from lambda_live.http.identities import (
    EXPIRED,
    InvalidTokenError,
    check_claims,
    cognito_claims,
    iam_authorizer,
    iam_identity,
    jwt_claims,
    read_claims,
    token_scopes,
)
from lambda_live.http.operations import invoke
from lambda_live.http.payloads import api_event_v1, api_event_v2
from lambda_live.http.routes import RouteMatch, request_path, request_value
from lambda_live.model.invocation import Invocation, Result
from lambda_live.model.service import UnverifiedCaller
from lambda_live.model.strict_json import loads
from lambda_live.model.template import Authorizer
from lambda_live.telemetry.listener import Listener

_EXPLICIT_DENY = "User is not authorized to access this resource with an explicit deny"
_IMPLICIT_DENY = "User is not authorized to access this resource"
_DEFAULT_SOURCES = ("header.Authorization",)

type RequestContext = dict[str, dict[str, Any]]
"""Members to add to `requestContext`, such as `{"authorizer": {...}}`."""


class Authorizers:
    """Invokes the Lambda authorizers of routes, and reads the tokens of other authorizers."""

    def __init__(
        self, functions: FunctionRegistry, listener: Listener, caller: UnverifiedCaller
    ) -> None:
        self._functions = functions
        self._listener = listener
        self._caller = caller
        self._has_reported_condition: set[str] = set()

    async def authorize(self, match: RouteMatch, scope: Scope) -> RequestContext:
        """
        Return what the route's authorizer adds to the event.

        Raises:
            ServiceError: The authorizer denied the request, or failed.
            DisconnectedError: The client disconnected.
        """
        authorizer = match.route.authorizer
        if authorizer is None:
            return {}
        if authorizer.kind == "AWS_IAM":
            account_id = match.function.configuration.account.account_id
            user_arn = self._caller.arn_in(account_id)
            if match.route.payload_format == "1.0":
                return {"identity": iam_identity(scope, user_arn)}
            return {"authorizer": iam_authorizer(scope, user_arn)}
        if authorizer.kind in ("JWT", "COGNITO_USER_POOLS"):
            return {"authorizer": self._claims(authorizer, match, scope)}
        function = self._functions.get(authorizer.function or "")
        if function is None:
            return {}
        return await self._decide(authorizer, function, match, scope)

    def _claims(self, authorizer: Authorizer, match: RouteMatch, scope: Scope) -> dict[str, Any]:
        """Return the claims of the request's token, without its signature. Raises ServiceError."""
        sources = authorizer.identity or _DEFAULT_SOURCES
        token = next(filter(None, (_identity_value(each, match, scope) for each in sources)), "")
        try:
            claims = read_claims(token, self._caller.claims)
            if token:
                check_claims(claims, authorizer)
        except InvalidTokenError as error:
            self._listener.service_log(
                f"authorizer {authorizer.name} returned 401: {error} in {' or '.join(sources)};"
                f" {_hint(authorizer)}, or set --claims",
                "ERROR",
            )
            _raise_invalid_token(authorizer, str(error))
        scopes = [scope for scope in authorizer.scopes if scope in token_scopes(claims)]
        if authorizer.scopes and not scopes:
            names = " or ".join(authorizer.scopes)
            self._listener.service_log(
                f"authorizer {authorizer.name} returned 403: the token has no scope {names}",
                "ERROR",
            )
            raise ServiceError(403, "ForbiddenException", {"message": "Forbidden"})
        if authorizer.kind == "COGNITO_USER_POOLS":
            return {"claims": cognito_claims(claims)}
        context = {"claims": jwt_claims(claims), "scopes": scopes or None}
        return context if match.route.payload_format == "1.0" else {"jwt": context}

    async def _decide(
        self, authorizer: Authorizer, function: Function, match: RouteMatch, scope: Scope
    ) -> RequestContext:
        """Invoke a Lambda authorizer and return what it adds. Raises ServiceError."""
        identity = _identity(authorizer, match, scope)
        invocation = Invocation(
            b"", label=f"{authorizer.name} of {scope['method']} {scope['path']}"
        )
        event = _event(authorizer, match, scope, identity, invocation)
        invocation.payload = json.dumps(event, separators=(",", ":")).encode()
        start = time.monotonic()
        try:
            result = await invoke(function, invocation, scope)
            decision = _decision(authorizer, match, result, _arn(match, scope))
        except (RejectedError, ThrottledError, ValueError) as error:
            reason = "was throttled" if isinstance(error, ThrottledError) else error
            reason = f"was rejected: {error}" if isinstance(error, RejectedError) else reason
            self._listener.service_log(f"authorizer {authorizer.name} {reason}", "ERROR")
            message = None if match.route.is_rest else "Internal Server Error"
            body = {"message": message}
            raise ServiceError(500, "AuthorizerConfigurationException", body) from error
        self._report_condition(authorizer, decision)
        if match.route.is_rest:
            latency_ms = int((time.monotonic() - start) * 1000)
            context = {**_as_strings(decision), "integrationLatency": latency_ms}
            key = decision.get("usageIdentifierKey")
            return {"authorizer": context, "identity": {"apiKey": key} if key else {}}
        if match.route.payload_format == "2.0":
            return {"authorizer": {"lambda": decision.get("context")}}
        return {"authorizer": _flat(decision)}

    def _report_condition(self, authorizer: Authorizer, decision: dict[str, Any]) -> None:
        """Log once that an authorizer's policies have conditions, which are not evaluated."""
        document = decision.get("policyDocument")
        statements = statements_of(document) if isinstance(document, dict) else []
        has_condition = any("Condition" in each for each in statements)
        if has_condition and authorizer.name not in self._has_reported_condition:
            self._has_reported_condition.add(authorizer.name)
            message = f"authorizer {authorizer.name} returned a policy with a Condition"
            self._listener.service_log(f"{message}, which is not evaluated", "WARN")


def _hint(authorizer: Authorizer) -> str:
    """Return what a token needs."""
    expected = {"iss": authorizer.issuers, "aud": authorizer.audiences}
    needs = [f"{claim} {' or '.join(each)}" for claim, each in expected.items() if each]
    return f"send a JWT with {' and '.join(needs)}" if needs else "send any JWT"


def _raise_invalid_token(authorizer: Authorizer, reason: str) -> NoReturn:
    if authorizer.kind == "COGNITO_USER_POOLS":
        is_expired = reason == EXPIRED
        message = "The incoming token has expired" if is_expired else "Unauthorized"
        raise ServiceError(401, "UnauthorizedException", {"message": message})
    scope = " ".join(authorizer.scopes)
    value = f'Bearer scope="{scope}" error="invalid_token" error_description="{reason}"'
    header = ("WWW-Authenticate", value)
    raise ServiceError(401, "UnauthorizedException", {"message": "Unauthorized"}, header)


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
    context = None
    if source.startswith("context."):
        context = api_event_v1(match, scope, b"", Invocation(b""))["requestContext"]
    return request_value(source, match, scope, context)


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
    return (
        f"arn:{account.partition}:execute-api:{api}/{scope['method']}{request_path(route, scope)}"
    )


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
        raise ServiceError(403, "AccessDeniedException", body)
    return dict(decision)


def _effect(decision: object, arn: str, *, is_simple: bool) -> str | None:
    match decision:
        case {"isAuthorized": bool() as allowed} if is_simple:
            return "Allow" if allowed else None
        case {"policyDocument": dict() as document} if not is_simple:
            return evaluate(document, arn)
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
    raise ServiceError(401, "UnauthorizedException", {"message": "Unauthorized"})
