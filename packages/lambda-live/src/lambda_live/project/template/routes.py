"""The function URL, the API routes and the other triggers of a function."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lambda_live.model.function import split_qualifier
from lambda_live.model.template import FunctionSpec, FunctionUrlConfig, Route, UnsupportedEvent
from lambda_live.model.template_error import place_of
from lambda_live.project.template import api_keys, authorizers, openapi, request_validation
from lambda_live.project.template.api_settings import (
    check_path,
    cors_section,
    http_api_cors,
    http_method,
    integration_timeout,
    rest_api_cors,
    stage_of,
)
from lambda_live.project.template.event_sources import SUPPORTED_EVENTS
from lambda_live.project.template.integrations import (
    FunctionRoutes,
    Integration,
    http_api_integrations,
    integration_of,
    is_websocket,
    rest_api_integrations,
)
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.stack import Resource, Stack

_IMPLICIT_APIS = {"Api": "ServerlessRestApi", "HttpApi": "ServerlessHttpApi"}
_SPELLINGS = {kind.lower(): kind for kind in _IMPLICIT_APIS}


def function_url(function: Resource, routes: Sequence[Route]) -> FunctionUrlConfig:
    """Return the function URL, from the function, from an AWS::Lambda::Url, or the default."""
    if "FunctionUrlConfig" in function.properties:
        alias = function.properties.text("AutoPublishAlias")
        return _url(function.properties.section("FunctionUrlConfig"), alias)
    application = function.stack.application
    for url in application.referring_to(function, "AWS::Lambda::Url", "TargetFunctionArn"):
        with url.reading():
            _, qualifier = split_qualifier(url.properties.quiet_text("TargetFunctionArn"))
            return _url(url.properties, url.properties.text("Qualifier") or qualifier)
    has_api = bool(routes) or any(application.by_type(*openapi.BODIES))
    return FunctionUrlConfig(is_at_root=not has_api)


def _url(url: Properties, qualifier: str | None) -> FunctionUrlConfig:
    return FunctionUrlConfig(
        auth_type=url.choice("AuthType", "NONE", "AWS_IAM"),
        invoke_mode=url.choice("InvokeMode", "BUFFERED", "RESPONSE_STREAM"),
        cors=cors_section(url.section("Cors")) if "Cors" in url else None,
        qualifier=qualifier,
    )


def integrations_of(stack: Stack) -> Iterator[Integration]:
    """Yield the integrations of a stack's APIs."""
    readers = {
        "AWS::ApiGatewayV2::Route": http_api_integrations,
        "AWS::ApiGateway::Method": rest_api_integrations,
        **dict.fromkeys(openapi.BODIES, openapi.integrations_of),
    }
    for kind, reader in readers.items():
        yield from stack.read(stack.by_type(kind), reader)


def routes_of(function: Resource, function_routes: FunctionRoutes) -> Iterator[Route]:
    """Yield the routes to a function, from SAM's events and from the APIs of all stacks."""
    alias = function.properties.text("AutoPublishAlias")
    for _, event in function.properties.section("Events").sections():
        kind = event.text("Type")
        if kind in _IMPLICIT_APIS:
            route = _event_route(kind, event.section("Properties"), function_routes)
            yield replace(route, qualifier=alias)
    yield from function_routes.routes_to(function)


def _event_route(kind: str, event: Properties, function_routes: FunctionRoutes) -> Route:
    rest, stack = kind == "Api", event.stack
    name = event.reference("RestApiId" if rest else "ApiId") or _IMPLICIT_APIS[kind]
    declared = stack.get(name)
    if not declared and name not in (
        *_IMPLICIT_APIS.values(),
        *stack.document.section("Parameters"),
    ):
        problem = f"{name} is not an API of this template, so AWS rejects the event"
        event.note("RestApiId" if rest else "ApiId", f"{problem}; name one of its APIs")
    api = declared.properties if declared else stack.globals_for(kind)
    api_id = stack.context.qualified_name(name).replace("/", "-")
    path, method = event.text("Path"), event.text("Method")
    if rest and not (path and method):
        event.fail("Path", "an event of type Api needs Path and Method", "add both")
    path, method = path or "$default", http_method(event, "Method", method or "ANY")
    check_path(event, "Path", path)
    if not any(key in api for key in ("DefinitionBody", "DefinitionUri")):
        function_routes.add_event(event, api_id, method, path)
    return Route(
        api=api_id,
        path=path,
        method=method,
        payload_format="1.0" if rest else event.choice("PayloadFormatVersion", "2.0", "1.0"),
        authorizer=authorizers.for_event(api, event, rest=rest),
        cors=rest_api_cors(api) if rest else http_api_cors(api),
        is_rest=rest,
        preflight_authorizer=authorizers.for_preflight(api) if rest else None,
        timeout=integration_timeout(event, rest=rest),
        api_key=api_keys.for_event(api, event) if rest else None,
        preflight_api_key=api_keys.for_preflight(api) if rest else None,
        validation=request_validation.for_event(api, event) if rest else None,
        **stage_of(api, rest=rest),
    )


def unsupported_events(function: Resource) -> Iterator[UnsupportedEvent]:
    """Yield the triggers that are not emulated."""
    for name, event in function.properties.section("Events").sections():
        kind = event.text("Type")
        if not kind:
            event.fail("Type", f"the event {name} has no Type", "add Type: HttpApi")
        if (right := _SPELLINGS.get(kind.lower(), kind)) != kind:
            event.fail("Type", f"invalid event type {kind}", f"write Type: {right}")
        if kind not in (*_IMPLICIT_APIS, *SUPPORTED_EVENTS):
            yield _unsupported_event(function, name, kind, event.line("Type"))
    for route in function.stack.by_type("AWS::ApiGatewayV2::Route"):
        with route.reading():
            integration = integration_of(route)
            if integration is None or not is_websocket(route):
                continue
            uri = integration.quiet_text("IntegrationUri")
            if function.stack.application.function(uri) is function:
                kind = f"WebSocket {route.properties.text('RouteKey')}"
                yield _unsupported_event(function, route.logical_id, kind, route.line)


def _unsupported_event(function: Resource, name: str, kind: str, line: int) -> UnsupportedEvent:
    place = place_of(function.stack.document.path, line)
    hint = f"invoke {function.name} with a sample event"
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
