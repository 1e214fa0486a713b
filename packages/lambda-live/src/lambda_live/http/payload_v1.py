"""
A request over HTTP as an event: payload format 1.0.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from lambda_live.http.asgi import Scope
from lambda_live.http.header_remapping import NOT_HANDED_ON
from lambda_live.http.payload_url import body_of, received, source_ip
from lambda_live.http.routes import Way, path_of
from lambda_live.model.invocation import Invocation

_NOBODY = (
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider"),
    *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
    *("principalOrgId", "user", "userArn"),
)
"""What is known of a caller who signed in, and null for all others."""


def to_event_1(way: Way, scope: Scope, body: bytes, invocation: Invocation) -> dict[str, Any]:
    """Return the request as API Gateway gives it to a function."""
    headers = _headers(way, scope, invocation)
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    text, is_base64 = _body(way, body, headers)
    event = {
        "resource": way.route.path,
        "path": path_of(way.route, scope),
        "httpMethod": scope["method"],
        "headers": dict(headers),
        "multiValueHeaders": _many(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _many(query) or None,
        "pathParameters": way.parameters or None,
        "stageVariables": way.route.stage_variables,
        "requestContext": _context(way, scope, dict(headers), invocation),
        "body": text,
        "isBase64Encoded": is_base64,
    }
    return event if way.route.rest else {"version": "1.0", **event}


def _many(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    return many


def _headers(way: Way, scope: Scope, invocation: Invocation) -> list[tuple[str, str]]:
    left_out = NOT_HANDED_ON if way.route.rest else ()
    # no server hands over in which letters a name came; API Gateway has this, clients' usual, form
    return [
        (name.title(), value) for name, value in received(scope, invocation) if name not in left_out
    ]


def _body(way: Way, body: bytes, headers: list[tuple[str, str]]) -> tuple[str | None, bool]:
    if not body:
        return None, False
    media_type = dict(headers).get("Content-Type", "")
    if not way.route.rest:
        return body_of(body, {"content-type": media_type})
    if is_binary(way, media_type or "application/json"):
        return base64.b64encode(body).decode(), True
    return body.decode("utf-8", "replace"), False


def is_binary(way: Way, media_types: str) -> bool:
    """Whether the first of some media types is one that a REST API takes for binary."""
    kind = media_types.partition(",")[0].partition(";")[0].strip().lower()
    known = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return any(each.lower() in known for each in way.route.binary_media_types)


def _context(
    way: Way, scope: Scope, headers: dict[str, str], invocation: Invocation
) -> dict[str, Any]:
    route, now = way.route, time.time()
    domain = headers.get("Host", "localhost")
    identity = dict.fromkeys(_NOBODY)
    return {
        "accountId": way.function.configuration.account.account_id,
        "apiId": route.api,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "extendedRequestId": invocation.request_id,
        "httpMethod": scope["method"],
        "identity": identity
        | {
            "sourceIp": source_ip(scope),
            "userAgent": headers.get("User-Agent"),
        },
        "path": staged(way, scope),
        "protocol": f"HTTP/{scope['http_version']}",
        "requestId": invocation.request_id,
        "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": route.path if route.rest else f"{route.method} {route.path}",
        "resourcePath": route.path,
        "stage": route.stage,
    }


def staged(way: Way, scope: Scope) -> str:
    """Return the path below the API's domain: with the stage, if that has a name."""
    stage = "" if way.route.stage == "$default" else f"/{way.route.stage}"
    return stage + path_of(way.route, scope)
