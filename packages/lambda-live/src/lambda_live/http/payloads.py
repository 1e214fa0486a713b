"""
Events that API Gateway and function URLs make of an HTTP request: payload formats 1.0 and 2.0.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from lambda_live.http.asgi import Scope
from lambda_live.http.headers import REST_API_DROPPED_REQUEST_HEADERS
from lambda_live.http.routes import DEFAULT_ROUTE, RouteMatch, request_path
from lambda_live.model.invocation import Invocation

_TEXT_TYPES = ("application/json", "application/xml", "application/javascript")
_DROPPED_HEADERS = (
    # headers of this service, which AWS does not have
    *(b"x-lambda-live-event", b"x-lambda-live-log", b"x-lambda-live-source"),
    # a hop-by-hop header
    b"connection",
)


_IDENTITY_FIELDS = (
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider"),
    *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
    *("principalOrgId", "user", "userArn"),
)
"""Fields of an authenticated caller. They are null for all callers here."""


def function_url_event(
    scope: Scope, body: bytes, invocation: Invocation, name: str
) -> dict[str, Any]:
    """Return a request to a function URL as an event of payload format 2.0."""
    headers, cookies = _headers_and_cookies(scope, invocation)
    query = scope["query_string"].decode("latin-1")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": scope["raw_path"].decode("latin-1"),
        "rawQueryString": query,
        "headers": headers,
        "requestContext": _v2_request_context(scope, headers, invocation, name),
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if parameters := _merge_repeated(parse_qsl(query, keep_blank_values=True)):
        event["queryStringParameters"] = parameters
    if body:
        event["body"], event["isBase64Encoded"] = _encode_body(body, headers)
    return event


def _v2_request_context(
    scope: Scope, headers: dict[str, str], invocation: Invocation, name: str
) -> dict[str, Any]:
    now = time.time()
    domain = headers.get("host", "localhost").rpartition("@")[2]
    return {
        "accountId": "anonymous",
        "apiId": name,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": scope["method"],
            "path": scope["raw_path"].decode("latin-1"),
            "protocol": f"HTTP/{scope['http_version']}",
            "sourceIp": _source_ip(scope),
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": invocation.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }


def api_event_v2(
    match: RouteMatch, scope: Scope, body: bytes, invocation: Invocation
) -> dict[str, Any]:
    """Return a request to an HTTP API as an event of payload format 2.0."""
    route, account = match.route, match.function.configuration.account
    event = function_url_event(scope, body, invocation, route.api)
    key = DEFAULT_ROUTE if route.path == DEFAULT_ROUTE else f"{route.method} {route.path}"
    path = _path_with_stage(match, scope)
    context = event["requestContext"]
    event |= {"routeKey": key, "rawPath": path}
    context |= {"accountId": account.account_id, "routeKey": key, "stage": route.stage}
    context["http"]["path"] = path
    if match.parameters:
        event["pathParameters"] = match.parameters
    if route.stage_variables:
        event["stageVariables"] = route.stage_variables
    return event


def api_event_v1(
    match: RouteMatch, scope: Scope, body: bytes, invocation: Invocation
) -> dict[str, Any]:
    """Return a request to an API as an event of payload format 1.0."""
    headers = _v1_headers(match, scope, invocation)
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    text, is_base64 = _v1_body(match, body, headers)
    event = {
        "resource": match.route.path,
        "path": request_path(match.route, scope),
        "httpMethod": scope["method"],
        "headers": dict(headers),
        "multiValueHeaders": _group_values(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _group_values(query) or None,
        "pathParameters": match.parameters or None,
        "stageVariables": match.route.stage_variables,
        "requestContext": _v1_request_context(match, scope, dict(headers), invocation),
        "body": text,
        "isBase64Encoded": is_base64,
    }
    return event if match.route.is_rest else {"version": "1.0", **event}


def _group_values(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def _v1_headers(match: RouteMatch, scope: Scope, invocation: Invocation) -> list[tuple[str, str]]:
    dropped = REST_API_DROPPED_REQUEST_HEADERS if match.route.is_rest else ()
    # ASGI has lower-case names only; API Gateway keeps what clients send, usually title case
    return [
        (name.title(), value)
        for name, value in _forwarded_headers(scope, invocation)
        if name not in dropped
    ]


def _v1_body(
    match: RouteMatch, body: bytes, headers: list[tuple[str, str]]
) -> tuple[str | None, bool]:
    if not body:
        return None, False
    media_type = dict(headers).get("Content-Type", "")
    if not match.route.is_rest:
        return _encode_body(body, {"content-type": media_type})
    if is_binary(match, media_type or "application/json"):
        return base64.b64encode(body).decode(), True
    return body.decode("utf-8", "replace"), False


def is_binary(match: RouteMatch, media_types: str) -> bool:
    """Whether the API's binary media types include the first of some media types."""
    kind = media_types.partition(",")[0].partition(";")[0].strip().lower()
    candidates = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return any(each.lower() in candidates for each in match.route.binary_media_types)


def _v1_request_context(
    match: RouteMatch, scope: Scope, headers: dict[str, str], invocation: Invocation
) -> dict[str, Any]:
    route, now = match.route, time.time()
    domain = headers.get("Host", "localhost")
    identity = dict.fromkeys(_IDENTITY_FIELDS)
    return {
        "accountId": match.function.configuration.account.account_id,
        "apiId": route.api,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "extendedRequestId": invocation.request_id,
        "httpMethod": scope["method"],
        "identity": identity
        | {
            "sourceIp": _source_ip(scope),
            "userAgent": headers.get("User-Agent"),
        },
        "path": _path_with_stage(match, scope),
        "protocol": f"HTTP/{scope['http_version']}",
        "requestId": invocation.request_id,
        "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "requestTimeEpoch": int(now * 1000),
        "resourceId": route.path if route.is_rest else f"{route.method} {route.path}",
        "resourcePath": route.path,
        "stage": route.stage,
    }


def _path_with_stage(match: RouteMatch, scope: Scope) -> str:
    """Return the path as the client sees it: after the stage, unless that is `$default`."""
    stage = "" if match.route.stage == "$default" else f"/{match.route.stage}"
    return stage + request_path(match.route, scope)


def _forwarded_headers(scope: Scope, invocation: Invocation) -> list[tuple[str, str]]:
    """Return the request's headers in lower case, with those that AWS adds."""
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in _DROPPED_HEADERS
    ]
    added = {
        "x-forwarded-for": _source_ip(scope),
        "x-forwarded-port": str((scope.get("server") or ("", 80))[1]),
        "x-forwarded-proto": scope["scheme"],
        "x-amzn-trace-id": invocation.trace_id,
    }
    names = {name for name, _ in pairs}
    return pairs + [(name, value) for name, value in added.items() if name not in names]


def _headers_and_cookies(scope: Scope, invocation: Invocation) -> tuple[dict[str, str], list[str]]:
    """Return the headers, with repeated names merged, and the cookies."""
    pairs = _forwarded_headers(scope, invocation)
    cookies = [value for name, value in pairs if name == "cookie"]
    headers = _merge_repeated([pair for pair in pairs if pair[0] != "cookie"])
    return headers, [cookie for value in cookies for cookie in value.split("; ")]


def _merge_repeated(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Join the values of each name with commas."""
    merged: dict[str, str] = {}
    for name, value in pairs:
        merged[name] = f"{merged[name]},{value}" if name in merged else value
    return merged


def _source_ip(scope: Scope) -> str:
    """Return the client's address."""
    address: str = (scope.get("client") or ("127.0.0.1", 0))[0]
    return address


def _encode_body(body: bytes, headers: dict[str, str]) -> tuple[str, bool]:
    """Return a body as text or as base64, and whether it is base64."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith("text/") or media_type in _TEXT_TYPES:
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
