"""
CORS of function URLs and APIs: which pages may read their responses.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html#urls-cors
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from collections.abc import Iterable

from lambda_live.http.asgi import Response, Scope, header
from lambda_live.model.template import Cors

_PREFIX = "access-control-"
_ALL_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def allows_origin(cors: Cors | None, origin: str) -> bool:
    """Whether pages of that origin may read the responses."""
    return cors is not None and any(_matches(each, origin) for each in cors.allow_origins)


def _matches(allowed: str, origin: str) -> bool:
    is_equal = allowed in ("*", origin)
    return is_equal or (allowed.endswith("://*") and origin.startswith(allowed.removesuffix("*")))


def preflight(cors: Cors | None, scope: Scope, status: int = 200) -> Response | None:
    """Return the preflight response, or None if this is not a preflight."""
    method = header(scope, b"access-control-request-method")
    if cors is None or scope["method"] != "OPTIONS" or not method or not header(scope, b"origin"):
        return None
    response = Response(status)
    if not _allow_headers(cors, scope):
        return response
    headers = header(scope, b"access-control-request-headers") or ""
    lines = {
        "Allow-Methods": method if "*" in cors.allow_methods else ",".join(cors.allow_methods),
        "Allow-Headers": headers if "*" in cors.allow_headers else ",".join(cors.allow_headers),
        "Max-Age": "" if cors.max_age is None else str(cors.max_age),
    }
    response.headers = [
        *_allow_headers(cors, scope),
        *((f"Access-Control-{name}", value) for name, value in lines.items() if value),
    ]
    return response


def sam_preflight(cors: Cors, methods: Iterable[str]) -> Response:
    """
    Return the response of the OPTIONS method that SAM adds to each path of a REST API.

    Without `AllowMethods`, it lists the methods of the path.

    Source: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-corsconfiguration.html
    """
    path_methods = _ALL_METHODS if "ANY" in methods else sorted({*methods, "OPTIONS"})
    lines = {
        "Origin": ",".join(cors.allow_origins),
        "Methods": ",".join(cors.allow_methods or path_methods),
        "Headers": ",".join(cors.allow_headers),
        "Credentials": "true" if cors.allow_credentials else "",
    }
    headers = [(f"Access-Control-Allow-{name}", value) for name, value in lines.items() if value]
    if cors.max_age is not None:
        headers.append(("Access-Control-Max-Age", str(cors.max_age)))
    return Response(200, b"{}\n", [("Content-Type", "application/json"), *headers])


def add_cors_headers(cors: Cors | None, scope: Scope, response: Response) -> None:
    """Replace the function's own CORS headers by those of the configuration."""
    if cors is None:
        return
    own = [pair for pair in response.headers if not pair[0].lower().startswith(_PREFIX)]
    exposed = [("Access-Control-Expose-Headers", ",".join(cors.expose_headers))]
    allow = _allow_headers(cors, scope)
    response.headers = own + allow + (exposed if allow and cors.expose_headers else [])


def _allow_headers(cors: Cors, scope: Scope) -> list[tuple[str, str]]:
    origin = header(scope, b"origin")
    if origin is None or not allows_origin(cors, origin):
        return []
    if cors.allow_credentials:
        credentials = ("Access-Control-Allow-Credentials", "true")
        return [("Access-Control-Allow-Origin", origin), credentials, ("Vary", "Origin")]
    if "*" in cors.allow_origins:
        return [("Access-Control-Allow-Origin", "*")]
    return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
