"""The ways from an API and a URL to a function."""

from collections.abc import Iterator

from lambda_live.model.template import FunctionUrlConfig, Route, UnsupportedEvent
from lambda_live.project.template import authorizers, cors, openapi, rest_apis
from lambda_live.project.template.paths import check_path, method_of
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.resources import Resource, Resources
from lambda_live.project.template.stages import Stage, stage_of, timeout_of
from lambda_live.project.template.targets import target

_IMPLICIT = {"Api": "ServerlessRestApi", "HttpApi": "ServerlessHttpApi"}
_AS_WRITTEN = {kind.lower(): kind for kind in _IMPLICIT}


def url_of(resources: Resources, function: Resource) -> FunctionUrlConfig | None:
    """Return the function URL, from the function or from an AWS::Lambda::Url."""
    if "FunctionUrlConfig" in function.properties:
        return _url(function.properties.section("FunctionUrlConfig"))
    urls = resources.about(function.logical_id, "AWS::Lambda::Url", "TargetFunctionArn")
    return next((_url(url.properties) for url in urls), None)


def _url(url: Properties) -> FunctionUrlConfig:
    return FunctionUrlConfig(
        auth_type=url.choice("AuthType", "NONE", "AWS_IAM"),
        invoke_mode=url.choice("InvokeMode", "BUFFERED", "RESPONSE_STREAM"),
        cors=cors.of_url(url),
    )


def routes_of(resources: Resources, function: Resource) -> Iterator[Route]:
    """Return the routes of the function's events of type Api and HttpApi."""
    for _, event in function.properties.section("Events").sections():
        kind = event.text("Type")
        if kind in _IMPLICIT:
            yield _route(resources, kind, event.section("Properties"))
    for each in resources.application.stacks:
        yield from _routes_of_http_apis(each, function)
        yield from rest_apis.routes_of(each, function)
        yield from openapi.routes_of(each, function)


def _route(resources: Resources, kind: str, event: Properties) -> Route:
    rest = kind == "Api"
    name = target(event.raw.get("RestApiId" if rest else "ApiId")) or _IMPLICIT[kind]
    api = _api(resources, kind, name)
    path, method = event.text("Path"), event.text("Method")
    if rest and not (path and method):
        event.wrong("Path", "the event of type Api lacks its Path or Method", "write both")
    path, method = path or "$default", method_of(event, "Method", method or "ANY")
    check_path(event, "Path", path)
    if not any(key in api for key in ("DefinitionBody", "DefinitionUri")):
        resources.claim(event, name, method, path)
    return Route(
        api=resources.outside(name),
        path=path,
        method=method,
        payload_format="1.0" if rest else event.choice("PayloadFormatVersion", "2.0", "1.0"),
        authorizer=authorizers.of_event(resources, api, event, rest=rest),
        cors=cors.of_rest_api(api) if rest else cors.of_http_api(api),
        is_rest=rest,
        preflight_authorizer=authorizers.of_preflight(resources, api) if rest else None,
        timeout=timeout_of(event, "TimeoutInMillis", rest=rest),
        **stage_of(api, rest=rest),
    )


def _api(resources: Resources, kind: str, api: str) -> Properties:
    found = resources.get(api)
    return found.properties if found else resources.general(kind)


def _routes_of_http_apis(resources: Resources, function: Resource) -> Iterator[Route]:
    for route, integration in _integrated(resources, function):
        if not _is_of_websocket(resources, route):
            yield _route_of_key(resources, route.properties, integration.properties)


def _integrated(resources: Resources, function: Resource) -> Iterator[tuple[Resource, Resource]]:
    # As CDK and `serverless package` write them.
    integrations = {
        each.logical_id: each
        for each in resources.of("AWS::ApiGatewayV2::Integration")
        if resources.leads_to(each.properties.raw.get("IntegrationUri"), function)
    }
    for route in resources.of("AWS::ApiGatewayV2::Route"):
        integration = integrations.get(target(route.properties.raw.get("Target")) or "")
        if integration is not None:
            yield route, integration


def _is_of_websocket(resources: Resources, route: Resource) -> bool:
    home, name = resources.home_of(route.properties.raw.get("ApiId"))
    api = home.get(name)
    return api is not None and api.properties.text("ProtocolType") == "WEBSOCKET"


def _route_of_key(resources: Resources, route: Properties, integration: Properties) -> Route:
    method, _, path = (route.text("RouteKey") or "$default").rpartition(" ")
    check_path(route, "RouteKey", path)
    home, name = resources.home_of(route.raw.get("ApiId"))
    api = home.get(name)
    return Route(
        api=home.outside(name),
        path=path,
        method=method_of(route, "RouteKey", method or "ANY"),
        payload_format=integration.choice("PayloadFormatVersion", "1.0", "2.0"),
        authorizer=authorizers.of_method(resources, route),
        cors=cors.of_http_api(api.properties) if api else None,
        timeout=timeout_of(integration, "TimeoutInMillis", rest=False),
        **_stage_of_http_api(home, name),
    )


def _stage_of_http_api(resources: Resources, api: str) -> Stage:
    stages = resources.about(api, "AWS::ApiGatewayV2::Stage", "ApiId")
    return next((stage_of(stage.properties, rest=False) for stage in stages), Stage())


_NOT_HERE = "{name} ({type}) has no source here; send one of its events to {function} by Invoke"


def other_events_of(resources: Resources, function: Resource) -> Iterator[UnsupportedEvent]:
    """Return the sources of events that nothing here stands for."""
    for name, event in function.properties.section("Events").sections():
        kind = event.text("Type")
        if not kind:
            event.wrong("Type", f"the event {name} has no Type", "write Type: HttpApi")
        if (right := _AS_WRITTEN.get(kind.lower(), kind)) != kind:
            event.wrong("Type", f"there is no event of type {kind}", f"write Type: {right}")
        if kind not in _IMPLICIT:
            yield UnsupportedEvent(name, kind, _not_here(resources, function, name, kind))
    for route, _ in _integrated(resources, function):
        if _is_of_websocket(resources, route):
            kind = f"WebSocket {route.properties.text('RouteKey')}"
            sentence = _not_here(resources, function, route.logical_id, kind)
            yield UnsupportedEvent(route.logical_id, kind, sentence)
    for source in resources.about(
        function.logical_id, "AWS::Lambda::EventSourceMapping", "FunctionName"
    ):
        sentence = _not_here(resources, function, source.logical_id, "EventSourceMapping")
        yield UnsupportedEvent(source.logical_id, "EventSourceMapping", sentence)


def _not_here(resources: Resources, function: Resource, name: str, kind: str) -> str:
    called = resources.name_of(function.logical_id)
    return _NOT_HERE.format(name=name, type=kind, function=called)
