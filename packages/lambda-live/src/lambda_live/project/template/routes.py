"""The function URL, the API routes and the other triggers of a function."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from lambda_live.model.template import (
    Cors,
    FunctionSpec,
    FunctionUrlConfig,
    Route,
    UnsupportedEvent,
)
from lambda_live.model.template_error import place_of
from lambda_live.project.document import Value
from lambda_live.project.template import api_keys, authorizers, openapi, request_validation
from lambda_live.project.template.api_settings import (
    check_path,
    http_api_cors,
    http_api_stage,
    http_method,
    integration_timeout,
    is_proxy,
    mock_cors,
    report_mappings,
    rest_api_cors,
    rest_api_stage,
    stage_of,
    tenant_source,
    url_cors,
)
from lambda_live.project.template.event_sources import SUPPORTED_EVENTS
from lambda_live.project.template.integrations import FunctionRoutes, Integration
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.resources import Resource, Resources

_IMPLICIT_APIS = {"Api": "ServerlessRestApi", "HttpApi": "ServerlessHttpApi"}
_SPELLINGS = {kind.lower(): kind for kind in _IMPLICIT_APIS}


def function_url(resources: Resources, function: Resource) -> FunctionUrlConfig | None:
    """Return the function URL, from the function or from an AWS::Lambda::Url."""
    if "FunctionUrlConfig" in function.properties:
        return _url(function.properties.section("FunctionUrlConfig"))
    for owner, url in resources.application.referring_to_function(
        resources, function, "AWS::Lambda::Url", "TargetFunctionArn"
    ):
        with owner.reading(url):
            return _url(url.properties)
    return None


def _url(url: Properties) -> FunctionUrlConfig:
    return FunctionUrlConfig(
        auth_type=url.choice("AuthType", "NONE", "AWS_IAM"),
        invoke_mode=url.choice("InvokeMode", "BUFFERED", "RESPONSE_STREAM"),
        cors=url_cors(url),
        is_declared=True,
    )


def integrations_of(resources: Resources) -> Iterator[Integration]:
    """Yield the integrations of a stack's APIs."""
    readers = {
        "AWS::ApiGatewayV2::Route": _http_api_integrations,
        "AWS::ApiGateway::Method": _rest_api_integrations,
        **dict.fromkeys(openapi.BODIES, openapi.integrations_of),
    }
    for kind, reader in readers.items():
        yield from resources.read(resources.by_type(kind), partial(reader, resources))


def routes_of(
    resources: Resources, function: Resource, function_routes: FunctionRoutes
) -> Iterator[Route]:
    """Yield the routes to a function, from SAM's events and from the APIs of all stacks."""
    alias = function.properties.text("AutoPublishAlias")
    for _, event in function.properties.section("Events").sections():
        kind = event.text("Type")
        if kind in _IMPLICIT_APIS:
            route = _event_route(resources, kind, event.section("Properties"))
            yield replace(route, qualifier=alias)
    yield from function_routes.routes_to(resources, function)


def _event_route(resources: Resources, kind: str, event: Properties) -> Route:
    rest = kind == "Api"
    name = event.reference("RestApiId" if rest else "ApiId") or _IMPLICIT_APIS[kind]
    api = _sam_api(resources, kind, name)
    path, method = event.text("Path"), event.text("Method")
    if rest and not (path and method):
        event.fail("Path", "an event of type Api needs Path and Method", "add both")
    path, method = path or "$default", http_method(event, "Method", method or "ANY")
    check_path(event, "Path", path)
    if not any(key in api for key in ("DefinitionBody", "DefinitionUri")):
        resources.register_route(event, name, method, path)
    return Route(
        api=resources.qualified_id(name),
        path=path,
        method=method,
        payload_format="1.0" if rest else event.choice("PayloadFormatVersion", "2.0", "1.0"),
        authorizer=authorizers.for_event(resources, api, event, rest=rest),
        cors=rest_api_cors(resources, api) if rest else http_api_cors(api),
        is_rest=rest,
        preflight_authorizer=authorizers.for_preflight(resources, api) if rest else None,
        timeout=integration_timeout(event, "TimeoutInMillis", rest=rest),
        api_key=api_keys.for_event(resources, api, event) if rest else None,
        preflight_api_key=api_keys.for_preflight(resources, api) if rest else None,
        validation=request_validation.for_event(resources, api, event) if rest else None,
        **stage_of(api, rest=rest),
    )


def _sam_api(resources: Resources, kind: str, name: str) -> Properties:
    api = resources.get(name)
    return api.properties if api else resources.globals_for(kind)


# HTTP APIs of CloudFormation, as CDK and `serverless package` write them


def _http_api_integrations(resources: Resources, route: Resource) -> Iterator[Integration]:
    integration = _integration_of(resources, route)
    if _is_websocket(resources, route):
        return
    label = f"the route {route.properties.text('RouteKey') or '$default'}"
    if integration is None:
        reason = "its Target is not an integration of this template; write integrations/${NAME}"
        resources.note(route.line, f"{label} is not served: {reason}")
    else:
        read = partial(_http_api_route, resources, route.properties, integration)
        keys = ("IntegrationUri", "IntegrationType")
        stage = partial(http_api_stage, *resources.resolve_owner(route.properties.raw.get("ApiId")))
        yield Integration(resources, route, integration, keys, label, stage, read)


def _integration_of(resources: Resources, route: Resource) -> Properties | None:
    found = resources.get(route.properties.reference("Target") or "")
    return found.properties if found else None


def _is_websocket(resources: Resources, route: Resource) -> bool:
    owner, name = resources.resolve_owner(route.properties.raw.get("ApiId"))
    api = owner.get(name)
    return api is not None and api.properties.text("ProtocolType") == "WEBSOCKET"


def _http_api_route(resources: Resources, route: Properties, integration: Properties) -> Route:
    method, _, path = (route.text("RouteKey") or "$default").rpartition(" ")
    check_path(route, "RouteKey", path)
    report_mappings(resources, integration)
    owner, name = resources.resolve_owner(route.raw.get("ApiId"))
    api = owner.get(name)
    return Route(
        api=owner.qualified_id(name),
        path=path,
        method=http_method(route, "RouteKey", method or "ANY"),
        payload_format=integration.choice("PayloadFormatVersion", "1.0", "2.0"),
        authorizer=authorizers.for_method(resources, route),
        cors=http_api_cors(api.properties) if api else None,
        timeout=integration_timeout(integration, "TimeoutInMillis", rest=False),
        **http_api_stage(owner, name),
    )


# REST APIs of CloudFormation: a method for each route, and a resource for each part of its path


def _rest_api_integrations(resources: Resources, method: Resource) -> Iterator[Integration]:
    integration = method.properties.section("Integration")
    label = f"the method {method.logical_id}"
    read = partial(_rest_api_route, resources, method)
    api = resources.resolve_owner(method.properties.raw.get("RestApiId"))
    stage = partial(rest_api_stage, *api)
    yield Integration(resources, method, integration, ("Uri", "Type"), label, stage, read)


def _rest_api_route(resources: Resources, method: Resource) -> Route | None:
    properties = method.properties
    integration = properties.section("Integration")
    if not is_proxy(resources, integration, "Type", "IntegrationHttpMethod"):
        return None
    report_mappings(resources, integration)
    owner, api = resources.resolve_owner(properties.raw.get("RestApiId"))
    return Route(
        api=owner.qualified_id(api),
        path=_rest_api_path(*resources.resolve_owner(properties.raw.get("ResourceId"))) or "/",
        method=http_method(properties, "HttpMethod", properties.text("HttpMethod") or "ANY"),
        payload_format="1.0",
        authorizer=authorizers.for_method(resources, properties),
        cors=_options_cors(resources, properties.raw.get("ResourceId")),
        is_rest=True,
        timeout=integration_timeout(integration, "TimeoutInMillis", rest=True),
        api_key=api_keys.for_method(resources, properties),
        validation=request_validation.for_method(resources, properties),
        tenant=tenant_source(integration.section("RequestParameters")),
        **rest_api_stage(owner, api),
    )


def _options_cors(resources: Resources, resource: Value) -> Cors | None:
    """Return the CORS settings of the OPTIONS method of the same path."""
    for method in resources.by_type("AWS::ApiGateway::Method"):
        properties = method.properties
        integration = properties.section("Integration")
        is_options = properties.text("HttpMethod") == "OPTIONS"
        is_mock = is_options and integration.text("Type") == "MOCK"
        if is_mock and properties.raw.get("ResourceId") == resource:
            responses = integration.items("IntegrationResponses")
            return mock_cors(each.section("ResponseParameters") for each in responses)
    return None


def _rest_api_path(resources: Resources, logical_id: str) -> str:
    resource = resources.get(logical_id)
    if resource is None or resource.type != "AWS::ApiGateway::Resource":
        return ""  # the root, which is an attribute of the API
    parent = _rest_api_path(*resources.resolve_owner(resource.properties.raw.get("ParentId")))
    part = resource.properties.text("PathPart")
    if part is None:
        resource.properties.fail("PathPart", f"{logical_id} has no PathPart", "add it")
    return f"{parent}/{part}"


# Triggers that are not emulated


def unsupported_events(resources: Resources, function: Resource) -> Iterator[UnsupportedEvent]:
    """Yield the triggers that are not emulated."""
    function_name = resources.name_of(function.logical_id)
    for name, event in function.properties.section("Events").sections():
        kind = event.text("Type")
        if not kind:
            event.fail("Type", f"the event {name} has no Type", "add Type: HttpApi")
        if (right := _SPELLINGS.get(kind.lower(), kind)) != kind:
            event.fail("Type", f"invalid event type {kind}", f"write Type: {right}")
        if kind not in (*_IMPLICIT_APIS, *SUPPORTED_EVENTS):
            yield _unsupported_event(resources, function_name, name, kind, event.line("Type"))
    for route in resources.by_type("AWS::ApiGatewayV2::Route"):
        with resources.reading(route):
            integration = _integration_of(resources, route)
            if integration is None or not _is_websocket(resources, route):
                continue
            uri = resources.resolve_quietly(integration.raw.get("IntegrationUri"))
            if resources.application.function(uri) == (resources, function):
                key = f"WebSocket {route.properties.text('RouteKey')}"
                name, line = route.logical_id, route.line
                yield _unsupported_event(resources, function_name, name, key, line)


def _unsupported_event(
    resources: Resources, function_name: str, name: str, kind: str, line: int
) -> UnsupportedEvent:
    place = place_of(resources.document.path, line)
    hint = f"invoke {function_name} with a sample event"
    return UnsupportedEvent(name, kind, f"{place}: {kind} trigger {name} isn't emulated; {hint}")


def find_duplicate_routes(functions: Sequence[FunctionSpec]) -> Iterator[str]:
    """Yield a notice for each two APIs with the same routes; on AWS each API has its own host."""
    first: dict[tuple[str, str], tuple[Route, FunctionSpec]] = {}
    duplicates: dict[tuple[str, str], tuple[FunctionSpec, list[str]]] = {}
    for function in functions:
        for route in function.routes:
            winner, _ = first.setdefault((route.method, route.path), (route, function))
            # The precedence of greedy paths depends on the kind of the API.
            is_comparable = winner.is_rest == route.is_rest or "+}" not in route.path
            if winner.api != route.api and is_comparable:
                _, routes = duplicates.setdefault((winner.api, route.api), (function, []))
                routes.append(f"{route.method} {route.path}")
    for (one, other), (function, routes) in duplicates.items():
        yield (
            f"{function.template}:{function.line}: {one} and {other} have the same routes, and the"
            f" first one serves them ({', '.join(routes)}); invoke the functions of {other} by name"
        )
