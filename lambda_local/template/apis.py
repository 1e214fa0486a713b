"""The ways from an API and a URL to a function."""

from collections.abc import Iterator

from lambda_local.template import openapi, rest_apis
from lambda_local.template.document import Object
from lambda_local.template.model import Cors, FunctionUrl, OtherEvent, Route
from lambda_local.template.properties import Properties
from lambda_local.template.resources import Resource, Resources, target
from lambda_local.template.stages import Stage, stage_of

_IMPLICIT = {"Api": "ServerlessRestApi", "HttpApi": "ServerlessHttpApi"}


def url_of(resources: Resources, function: Resource) -> FunctionUrl | None:
    """Return the function URL, from the function or from an AWS::Lambda::Url."""
    if "FunctionUrlConfig" in function.properties:
        return _url(function.properties.section("FunctionUrlConfig"))
    urls = resources.about(function.logical_id, "AWS::Lambda::Url", "TargetFunctionArn")
    return next((_url(url.properties) for url in urls), None)


def _url(url: Properties) -> FunctionUrl:
    return FunctionUrl(
        auth_type=url.choice("AuthType", "NONE", "AWS_IAM"),
        invoke_mode=url.choice("InvokeMode", "BUFFERED", "RESPONSE_STREAM"),
        cors=_cors(url.section("Cors")) if "Cors" in url else None,
    )


def _cors(cors: Properties) -> Cors:
    return Cors(
        allow_origins=cors.texts("AllowOrigins"),
        allow_methods=cors.texts("AllowMethods"),
        allow_headers=cors.texts("AllowHeaders"),
        expose_headers=cors.texts("ExposeHeaders"),
        allow_credentials=cors.flag("AllowCredentials"),
        max_age=cors.number("MaxAge", 0, 86_400, "seconds"),
    )


def routes_of(resources: Resources, function: Resource) -> Iterator[Route]:
    """Return the routes of the function's events of type Api and HttpApi."""
    for _, event in function.properties.section("Events").sections():
        kind = event.text("Type")
        if kind in _IMPLICIT:
            yield _route(resources, kind, event.section("Properties"))
    yield from _routes_of_http_apis(resources, function)
    yield from rest_apis.routes_of(resources, function)
    yield from openapi.routes_of(resources, function)


def _route(resources: Resources, kind: str, event: Properties) -> Route:
    rest = kind == "Api"
    api = target(event.raw.get("RestApiId" if rest else "ApiId")) or _IMPLICIT[kind]
    path, method = event.text("Path"), event.text("Method")
    if rest and not (path and method):
        event.wrong("Path", "the event of type Api lacks its Path or Method", "write both")
    return Route(
        api=api,
        path=path or "$default",
        method=(method or "ANY").upper().replace("X-AMAZON-APIGATEWAY-ANY-METHOD", "ANY"),
        payload_format="1.0" if rest else event.choice("PayloadFormatVersion", "2.0", "1.0"),
        authorizer=_authorizer(resources, api, event),
        cors=_cors_of_api(resources, kind, api),
        rest=rest,
        **stage_of(_api(resources, kind, api), rest=rest),
    )


def _api(resources: Resources, kind: str, api: str) -> Properties:
    found = resources.get(api)
    return found.properties if found else resources.general(kind)


def _authorizer(resources: Resources, api: str, event: Properties) -> str | None:
    own = event.section("Auth").text("Authorizer")
    found = resources.get(api)
    general = found.properties.section("Auth").text("DefaultAuthorizer") if found else None
    return None if own == "NONE" else own or general


def _cors_of_api(resources: Resources, kind: str, name: str) -> Cors | None:
    api = _api(resources, kind, name)
    if kind == "HttpApi":
        match api.get("CorsConfiguration"):
            case Object():
                return _cors(api.section("CorsConfiguration"))
            case "true":
                return Cors(allow_origins=("*",))
            case _:
                return None
    match api.get("Cors"):
        case Object():
            return _cors_of_rest_api(api.section("Cors"))
        case str() as origin:
            return Cors(allow_origins=(origin.strip("'"),), allow_methods=("OPTIONS", "*"))
        case _:
            return None


def _cors_of_rest_api(cors: Properties) -> Cors:
    # Here a value is what stands in the header, within quotes: "'GET,POST'".
    def items(key: str) -> tuple[str, ...]:
        text = (cors.text(key) or "").strip("'")
        return tuple(item.strip() for item in text.split(",") if item)

    age = (cors.text("MaxAge") or "").strip("'")
    return Cors(
        allow_origins=items("AllowOrigin"),
        allow_methods=items("AllowMethods"),
        allow_headers=items("AllowHeaders"),
        allow_credentials=cors.flag("AllowCredentials"),
        max_age=int(age) if age.isdecimal() else None,
    )


def _routes_of_http_apis(resources: Resources, function: Resource) -> Iterator[Route]:
    # As CDK and `serverless package` write them.
    integrations = {
        each.logical_id: each
        for each in resources.about(
            function.logical_id, "AWS::ApiGatewayV2::Integration", "IntegrationUri"
        )
    }
    for route in resources.of("AWS::ApiGatewayV2::Route"):
        integration = integrations.get(target(route.properties.raw.get("Target")) or "")
        if integration is not None:
            yield _route_of_key(resources, route.properties, integration.properties)


def _route_of_key(resources: Resources, route: Properties, integration: Properties) -> Route:
    method, _, path = (route.text("RouteKey") or "$default").rpartition(" ")
    return Route(
        api=target(route.raw.get("ApiId")) or "",
        path=path,
        method=method or "ANY",
        payload_format=integration.choice("PayloadFormatVersion", "1.0", "2.0"),
        authorizer=target(route.raw.get("AuthorizerId")),
        cors=None,
        **_stage_of_http_api(resources, target(route.raw.get("ApiId")) or ""),
    )


def _stage_of_http_api(resources: Resources, api: str) -> Stage:
    stages = resources.about(api, "AWS::ApiGatewayV2::Stage", "ApiId")
    return next((stage_of(stage.properties, rest=False) for stage in stages), Stage())


_NOT_HERE = "{name} ({type}) has no source here; send one of its events to {function} by Invoke"


def other_events_of(resources: Resources, function: Resource) -> Iterator[OtherEvent]:
    """Return the sources of events that nothing here stands for."""
    for name, event in function.properties.section("Events").sections():
        kind = event.text("Type")
        if not kind:
            event.wrong("Type", f"the event {name} has no Type", "write Type: HttpApi")
        if kind not in _IMPLICIT:
            yield OtherEvent(name, kind, _not_here(function, name, kind))
    for source in resources.about(
        function.logical_id, "AWS::Lambda::EventSourceMapping", "FunctionName"
    ):
        sentence = _not_here(function, source.logical_id, "EventSourceMapping")
        yield OtherEvent(source.logical_id, "EventSourceMapping", sentence)


def _not_here(function: Resource, name: str, kind: str) -> str:
    return _NOT_HERE.format(name=name, type=kind, function=function.logical_id)
