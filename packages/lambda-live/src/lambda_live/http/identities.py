"""
Callers of routes with a JWT, Cognito or IAM authorizer, and of function URLs with IAM.

No signature is verified: no key of an issuer and no AWS account exists here. A token with valid
times, and with the issuer and audience of the template, is accepted, and every caller of IAM is the
configured user. So a function finds the members of `requestContext` that it reads on AWS. A request
without a token is rejected as on AWS, unless claims are configured.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-enable-cognito-user-pool.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html (`authorizer.iam`)
"""

import base64
import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from lambda_live.http.asgi import Scope, header
from lambda_live.model.strict_json import loads
from lambda_live.model.template import Authorizer

_BEARER = re.compile(r"bearer\s+", re.IGNORECASE)
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
_DATES = ("exp", "iat")
_TIMES = ("exp", "iat", "nbf")
_CLOCK_SKEW_SECONDS = 60.0
"""The clocks of this machine and of an issuer may differ."""

EXPIRED = "the token has expired"


class InvalidTokenError(Exception):
    """A token is missing or invalid. The message is the reason."""


def read_claims(token: str, defaults: Mapping[str, object]) -> dict[str, object]:
    """
    Return the claims of a JSON Web Token, with `defaults` for missing ones.

    Raises:
        InvalidTokenError: There is neither a token nor a default, or the token is not a JWT.
    """
    if not token:
        if defaults:
            return dict(defaults)
        message = "no token"
        raise InvalidTokenError(message)
    _, _, payload = _BEARER.sub("", token.strip(), 1).partition(".")
    encoded, dot, _ = payload.partition(".")
    try:
        claims = loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except ValueError:
        claims = None
    if not dot or not isinstance(claims, dict):
        message = "the token is not a JWT"
        raise InvalidTokenError(message)
    return {**defaults, **claims}


def check_claims(claims: Mapping[str, object], authorizer: Authorizer) -> None:
    """
    Compare the claims of a token with the time and the template, as AWS does.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html

    Raises:
        InvalidTokenError: A claim is invalid.
    """
    now, is_pool = time.time(), authorizer.kind == "COGNITO_USER_POOLS"
    reason = None
    if any(not isinstance(claims.get(each, 0), int | float) for each in _TIMES):
        reason = "a time of the token is not a number"
    elif "exp" not in claims:
        reason = "the token has no expiration time (exp)"
    elif _time(claims, "exp", 0) <= now:
        reason = EXPIRED
    elif max(_time(claims, "nbf", 0), _time(claims, "iat", 0)) > now + _CLOCK_SKEW_SECONDS:
        reason = "the token is not valid yet"
    elif authorizer.issuers and claims.get("iss") not in authorizer.issuers:
        reason = "the token does not have a valid issuer"
    elif authorizer.audiences and not _has_audience(claims, authorizer.audiences):
        reason = "the token does not have a valid audience"
    elif is_pool and not authorizer.scopes and claims.get("token_use") == "access":
        reason = "it is an access token; without scopes, the authorizer accepts identity tokens"
    if reason is not None:
        raise InvalidTokenError(reason)


def _time(claims: Mapping[str, object], name: str, default: float) -> float:
    value = claims.get(name, default)
    return value if isinstance(value, int | float) else default


def _has_audience(claims: Mapping[str, object], audiences: Sequence[str]) -> bool:
    found = claims.get("aud", claims.get("client_id"))
    return any(each in audiences for each in (found if isinstance(found, list) else [found]))


def token_scopes(claims: Mapping[str, object]) -> list[str]:
    """Return the scopes of a token: the claim `scope`, or else `scp`."""
    found = claims.get("scope", claims.get("scp", ""))
    return [str(each) for each in found] if isinstance(found, list) else str(found).split()


def cognito_claims(claims: Mapping[str, object]) -> dict[str, str]:
    """Return claims as a REST API passes them on: as text, lists with commas, `exp` as a date."""
    return {
        name: _date(value) if name in _DATES and isinstance(value, int) else _text(value, ",")
        for name, value in claims.items()
    }


def jwt_claims(claims: Mapping[str, object]) -> dict[str, str]:
    """Return claims as an HTTP API passes them on: as text, lists in brackets."""
    return {
        name: f"[{_text(value, ' ')}]" if isinstance(value, list) else _text(value, " ")
        for name, value in claims.items()
    }


def _date(seconds: int) -> str:
    try:
        return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def _text(value: object, separator: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return separator.join(_text(each, separator) for each in value)
    return json.dumps(value, separators=(",", ":"))


def iam_identity(scope: Scope, user_arn: str) -> dict[str, Any]:
    """Return the members of `requestContext.identity` of a REST API that describe an IAM user."""
    user = _user_id(user_arn)
    return {
        "accessKey": _access_key(scope),
        "accountId": user_arn.split(":")[4],
        "caller": user,
        "user": user,
        "userArn": user_arn,
    }


def iam_authorizer(scope: Scope, user_arn: str) -> dict[str, Any]:
    """Return `requestContext.authorizer` of an HTTP API or function URL for an IAM user."""
    user = _user_id(user_arn)
    return {
        "iam": {
            "accessKey": _access_key(scope),
            "accountId": user_arn.split(":")[4],
            "callerId": user,
            "cognitoIdentity": None,
            "principalOrgId": None,
            "userArn": user_arn,
            "userId": user,
        }
    }


def _user_id(user_arn: str) -> str:
    """Return a stable id such as AWS's: AIDA… for a user, AROA…:SESSION for a role."""
    kind, _, name = user_arn.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        return f"AROALOCAL:{name.partition('/')[2]}"
    return "AIDALOCAL"


def _access_key(scope: Scope) -> str | None:
    """Return the access key of the request's signature, or None if it is not signed."""
    found = _CREDENTIAL.search(header(scope, b"authorization") or "")
    return found[1] if found else None
