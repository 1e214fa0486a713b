"""Settings that REST APIs, HTTP APIs and function URLs share: paths, stages, timeouts, CORS."""

import re
from collections.abc import Iterable, Mapping
from typing import TypedDict

from lambda_live.model.template import Cors
from lambda_live.project.document import Object
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.stack import Resource
from lambda_live.project.template.values import Unresolved

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_PATH = re.compile(r"(/([^/{}?#\s]|\{[\w.:-]+\})*)+(\{[\w.:-]+\+\})?")
_VARIABLE = re.compile(r"\{([^}+]+)\+?\}")
_CORS_HEADERS = {
    "AllowCredentials": "Allow-Credentials",
    "AllowHeaders": "Allow-Headers",
    "AllowMethods": "Allow-Methods",
    "AllowOrigin": "Allow-Origin",
    "MaxAge": "Max-Age",
}
"""SAM's names of CORS headers, and their names after `Access-Control-`."""

_TENANT = "integration.request.header.x-amz-tenant-id"


def check_path(properties: Properties, key: str, path: str) -> None:
    """
    Check a route's path, which may contain variables. Raises TemplateError.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
    """
    if isinstance(path, Unresolved) or path == "$default":
        return
    if not _PATH.fullmatch(path):
        properties.fail(key, f"invalid path {path!r}", "use /orders/{id} or /files/{path+}")
    names = _VARIABLE.findall(path)
    if len(set(names)) < len(names):
        properties.fail(key, f"duplicate variable in the path {path!r}", "rename one of them")


def http_method(properties: Properties, key: str, method: str) -> str:
    """Return a route's method in capitals, ANY for all. Raises TemplateError."""
    name = method.upper().replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY")
    if name not in (*METHODS, "ANY") and not isinstance(method, Unresolved):
        allowed = ", ".join(METHODS)
        properties.fail(key, f"invalid method {method!r}", f"use ANY or one of {allowed}")
    return name


def is_proxy(integration: Properties, method: str) -> bool:
    """
    Return whether a REST API's integration passes the request on as an event. Report any other.

    `method` is the key of the integration's HTTP method.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-integrations.html
    """
    if (integration.text("Type") or "AWS_PROXY").upper() == "AWS":
        problem = "the integration type AWS, with mapping templates, is not supported"
        hint = "use AWS_PROXY, or invoke the function with a sample event"
        integration.note("Type", f"{problem}; {hint}")
        return False
    http_method = integration.text(method) or "POST"
    if http_method.upper() != "POST":
        problem = f"{method} is {http_method}, for which AWS responds 500"
        integration.note(method, f"{problem}; use POST, which invokes functions")
    return True


def report_mappings(integration: Properties) -> None:
    """
    Report that an integration's parameter mappings are not applied.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html
    """
    for key in ("RequestParameters", "ResponseParameters"):
        if any(each.lower() != _TENANT for each in integration.section(key).raw):
            problem = "parameters are not mapped: the event and the response have their own"
            integration.note(key, f"{key} has no effect: {problem}")


def tenant_source(integration: Properties) -> str | None:
    """
    Return where a request to a REST API has its tenant id, such as `header.X-Tenant`, or None.

    https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-invoke-api-gateway.html
    """
    mappings = integration.section("RequestParameters")
    key = next((each for each in mappings.raw if each.lower() == _TENANT), None)
    source = mappings.text(key) if key else None
    return source.removeprefix("method.request.") if source else None


class Stage(TypedDict, total=False):
    """The stage's part of a `Route`, with the same keys."""

    stage: str
    stage_variables: Mapping[str, str] | None
    binary_media_types: tuple[str, ...]


def stage_of(api: Properties, *, rest: bool) -> Stage:
    """Return the stage of a SAM API, or of a CloudFormation stage."""
    variables = api.section("Variables" if rest else "StageVariables")
    types = api.texts("BinaryMediaTypes") if rest else ()
    return Stage(
        # SAM's own name for the stage of an implicit API
        stage=api.text("StageName") or ("Prod" if rest else "$default"),
        stage_variables={name: variables.text(name) or "" for name in variables.raw} or None,
        binary_media_types=tuple(each.replace("~1", "/") for each in types),
    )


def http_api_stage(api: Resource) -> Stage:
    """Return the stage of a CloudFormation HTTP API."""
    stages = api.stack.referring_to(api.logical_id, "AWS::ApiGatewayV2::Stage", "ApiId")
    return next((stage_of(stage.properties, rest=False) for stage in stages), Stage())


def rest_api_stage(api: Resource) -> Stage:
    """Return the stage of a CloudFormation REST API."""
    stage = Stage(stage="Prod")
    for kind in ("AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage"):
        for each in api.stack.referring_to(api.logical_id, kind, "RestApiId"):
            if "StageName" in each.properties:
                stage = stage_of(each.properties, rest=True)
    stage["binary_media_types"] = api.properties.texts("BinaryMediaTypes")
    return stage


def integration_timeout(integration: Properties, *, rest: bool) -> float | None:
    """Return how many seconds the API waits for a function, or None for AWS's default."""
    # AWS raises the quota of a REST API on request.
    maximum = 900_000 if rest else 30_000
    milliseconds = integration.number("TimeoutInMillis", 50, maximum, "milliseconds")
    return milliseconds and milliseconds / 1000


def http_api_cors(api: Properties) -> Cors | None:
    """Return the CORS settings of an HTTP API of SAM or CloudFormation."""
    match api.get("CorsConfiguration"):
        case Object():
            return cors_section(api.section("CorsConfiguration"))
        case _:
            return Cors(allow_origins=("*",)) if api.flag("CorsConfiguration") else None


def rest_api_cors(api: Properties) -> Cors | None:
    """Return the CORS settings of a SAM REST API."""
    if not isinstance(api.get("Cors"), Object):
        origin = api.text("Cors")
        _report_unquoted(api, "Cors", origin)
        return Cors(allow_origins=(origin.strip("'"),)) if origin else None
    cors = api.section("Cors")
    headers = {key: cors.text(key) for key in _CORS_HEADERS}
    for key, text in headers.items():
        if key != "AllowCredentials":
            _report_unquoted(cors, key, text)
    return _cors_of_headers(headers, allow_credentials=cors.flag("AllowCredentials"))


def _report_unquoted(cors: Properties, key: str, text: str | None) -> None:
    """Report a header of a REST API without single quotes, which AWS rejects as an expression."""
    if text and not text.startswith("'") and not isinstance(text, Unresolved):
        hint = f"""write {key}: "'{text}'\""""
        cors.note(key, f"AWS rejects {key} {text} without single quotes; {hint}")


def mock_cors(responses: Iterable[Properties]) -> Cors | None:
    """Return the CORS settings in the response parameters of an OPTIONS method's mock."""
    for parameters in responses:
        headers = {
            key: parameters.text(f"method.response.header.Access-Control-{name}")
            for key, name in _CORS_HEADERS.items()
        }
        if headers["AllowOrigin"]:
            return _cors_of_headers(headers, allow_credentials=bool(headers["AllowCredentials"]))
    return None


def cors_section(cors: Properties) -> Cors:
    """Return the CORS settings of an HTTP API or a function URL."""
    return Cors(
        allow_origins=cors.texts("AllowOrigins"),
        allow_methods=cors.texts("AllowMethods"),
        allow_headers=cors.texts("AllowHeaders"),
        expose_headers=cors.texts("ExposeHeaders"),
        allow_credentials=cors.flag("AllowCredentials"),
        max_age=cors.number("MaxAge", 0, 86_400, "seconds"),
    )


def _cors_of_headers(headers: Mapping[str, str | None], *, allow_credentials: bool) -> Cors:
    """Return CORS settings from the texts of headers in single quotes, such as "'GET,POST'"."""
    texts = {key: (text or "").strip("'") for key, text in headers.items()}
    lists = {
        key: tuple(item.strip() for item in text.split(",") if item) for key, text in texts.items()
    }
    return Cors(
        allow_origins=lists["AllowOrigin"],
        allow_methods=lists["AllowMethods"],
        allow_headers=lists["AllowHeaders"],
        allow_credentials=allow_credentials,
        max_age=int(texts["MaxAge"]) if texts["MaxAge"].isdecimal() else None,
    )
