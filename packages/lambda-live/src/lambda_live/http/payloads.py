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

from lambda_live.http.asgi import Scope, headers_as_sent, media_type
from lambda_live.http.headers import OWN_HEADER_PREFIX, REST_API_DROPPED_REQUEST_HEADERS
from lambda_live.http.routes import DEFAULT_ROUTE, RouteMatch, event_path, request_path
from lambda_live.model.invocation import Invocation

_TEXT_TYPES = ("application/json", "application/xml", "application/javascript")
_HANDLED_HEADERS = {"connection", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"}
"""Request headers that AWS drops or writes itself."""

_V1_NAMES = {
    name.lower(): name for name in ("Authorization", "Content-Length", "Host", "User-Agent")
}
"""Headers that AWS writes so in events of payload format 1.0, however the client wrote them."""


_IDENTITY_FIELDS = (
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider"),
    *("cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId"),
    *("principalOrgId", "user", "userArn"),
)
"""Fields of a caller. They are null unless the route has an IAM authorizer."""


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
        content_type = headers.get("content-type", "")
        event["body"], event["isBase64Encoded"] = _encode_body(body, content_type)
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
    grouped = _group_headers(headers)
    text, is_base64 = _v1_body(match, body, headers)
    event = {
        "resource": match.route.path,
        "path": event_path(match.route, scope),
        "httpMethod": scope["method"],
        "headers": {name: values[-1] for name, values in grouped.items()},
        "multiValueHeaders": grouped,
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _group_values(query) or None,
        "pathParameters": match.parameters or None,
        "stageVariables": match.route.stage_variables,
        "requestContext": _v1_request_context(match, scope, headers, invocation),
        "body": text,
        "isBase64Encoded": is_base64,
    }
    return event if match.route.is_rest else {"version": "1.0", **event}


def _group_values(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


def _group_headers(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of each header by the first spelling of its name."""
    names: dict[str, str] = {}
    return _group_values([(names.setdefault(name.lower(), name), value) for name, value in pairs])


def _v1_headers(match: RouteMatch, scope: Scope, invocation: Invocation) -> list[tuple[str, str]]:
    dropped = REST_API_DROPPED_REQUEST_HEADERS if match.route.is_rest else ()
    return [
        (_V1_NAMES.get(name.lower(), name), value)
        for name, value in _forwarded_headers(scope, invocation)
        if name.lower() not in dropped
    ]


def _value(headers: list[tuple[str, str]], name: str) -> str | None:
    """Return the last value of a header, or None. `name` must be in lower case."""
    return {key.lower(): value for key, value in headers}.get(name)


def _v1_body(
    match: RouteMatch, body: bytes, headers: list[tuple[str, str]]
) -> tuple[str | None, bool]:
    if not body:
        return None, False
    content_type = _value(headers, "content-type") or ""
    if not match.route.is_rest:
        return _encode_body(body, content_type)
    if is_binary(match, content_type or "application/json"):
        return base64.b64encode(body).decode(), True
    return body.decode("utf-8", "replace"), False


def is_binary(match: RouteMatch, media_types: str) -> bool:
    """Whether the API's binary media types include the first of some media types."""
    kind = media_type(media_types.partition(",")[0])
    candidates = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return any(each.lower() in candidates for each in match.route.binary_media_types)


def _v1_request_context(
    match: RouteMatch, scope: Scope, headers: list[tuple[str, str]], invocation: Invocation
) -> dict[str, Any]:
    route, now = match.route, time.time()
    domain = _value(headers, "host") or "localhost"
    context = {
        "accountId": match.function.configuration.account.account_id,
        "apiId": route.api,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "extendedRequestId": invocation.request_id,
        "httpMethod": scope["method"],
        "identity": {
            **dict.fromkeys(_IDENTITY_FIELDS),
            "sourceIp": _source_ip(scope),
            "userAgent": _value(headers, "user-agent"),
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
    return context | {"deploymentId": "local"} if route.is_rest else context


def _path_with_stage(match: RouteMatch, scope: Scope) -> str:
    """Return the path as the client wrote it, after the stage unless that is `$default`."""
    stage = "" if match.route.stage == "$default" else f"/{match.route.stage}"
    return stage + request_path(match.route, scope)


def _forwarded_headers(scope: Scope, invocation: Invocation) -> list[tuple[str, str]]:
    """Return the request's headers, with those that AWS drops, replaces and adds."""
    sent = headers_as_sent(scope)
    own = OWN_HEADER_PREFIX.decode()
    pairs = [
        (name, value)
        for name, value in sent
        if name.lower() not in _HANDLED_HEADERS and not name.lower().startswith(own)
    ]
    forwarded_for = [value for name, value in sent if name.lower() == "x-forwarded-for"]
    added = [
        ("X-Forwarded-For", ", ".join((*forwarded_for, _source_ip(scope)))),
        ("X-Forwarded-Port", str((scope.get("server") or ("", 80))[1])),
        ("X-Forwarded-Proto", scope["scheme"]),
    ]
    if _value(pairs, "x-amzn-trace-id") is None:
        added.append(("X-Amzn-Trace-Id", invocation.trace_id))
    return pairs + added


def _headers_and_cookies(scope: Scope, invocation: Invocation) -> tuple[dict[str, str], list[str]]:
    """Return the headers, with repeated names merged, and the cookies."""
    pairs = [(name.lower(), value) for name, value in _forwarded_headers(scope, invocation)]
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


def _encode_body(body: bytes, content_type: str) -> tuple[str, bool]:
    """Return a body as text or as base64, and whether it is base64."""
    kind = media_type(content_type)
    if kind.startswith("text/") or kind in _TEXT_TYPES:
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True
