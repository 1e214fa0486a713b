"""
The routes of the template's APIs that match a request's path.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import Scope, header, query_parameter
from lambda_live.model.template import Route

DEFAULT_ROUTE = "$default"
_VARIABLE = re.compile(r"\{([^}+]+)(\+?)\}")
_LITERAL, _SINGLE, _GREEDY, _CATCH_ALL = range(4)
"""How general a segment of a route's path is: the most specific route comes first."""


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A route's path, compiled: the paths that match, its variables, each segment's generality."""

    paths: re.Pattern[str]
    names: tuple[str, ...]
    generality: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """A route that matches a request's path, and the values of its path variables."""

    function: Function
    route: Route
    parameters: dict[str, str]
    generality: tuple[int, ...]


@lru_cache(maxsize=4096)
def _pattern(path: str, *, is_rest: bool) -> _Pattern:
    if path == DEFAULT_ROUTE:
        return _Pattern(re.compile(".*", re.DOTALL), (), (_CATCH_ALL,))
    text, end = "", 0
    greedy = "(.+?)" if is_rest else "(.+)"  # in a REST API, without the path's last slash
    for variable in _VARIABLE.finditer(path):
        text += re.escape(path[end : variable.start()]) + (greedy if variable[2] else "([^/]+)")
        end = variable.end()
    text += re.escape(path[end:].rstrip("/"))
    names = tuple(variable[1] for variable in _VARIABLE.finditer(path))
    segments = path.strip("/").split("/")
    return _Pattern(re.compile(f"{text}/?"), names, tuple(map(_generality, segments)))


def _generality(segment: str) -> int:
    variable = _VARIABLE.search(segment)
    if variable is None:
        return _LITERAL
    return _GREEDY if variable[2] else _SINGLE


def request_value(
    source: str, match: RouteMatch, scope: Scope, context: Mapping[str, Any] | None = None
) -> str | None:
    """Return what a request has at a source, such as `header.X-One` or `context.stage`."""
    kind, _, name = source.partition(".")
    match kind:
        case "header":
            return header(scope, name.lower().encode())
        case "querystring":
            return query_parameter(scope, name)
        case "path":
            return match.parameters.get(name)
        case "stageVariables":
            return (match.route.stage_variables or {}).get(name)
        case "context":
            value: Any = context
            for each in name.split("."):
                value = value.get(each) if isinstance(value, dict) else None
            return None if value is None else str(value)
    return None


def request_path(route: Route, scope: Scope) -> str:
    """Return the path: as sent for a REST API, decoded for an HTTP API."""
    raw = str(scope["raw_path"], "latin-1")
    return raw if route.is_rest else unquote(raw)


def event_path(route: Route, scope: Scope) -> str:
    """Return the path by which a route is found. A REST API ignores repeated leading slashes."""
    path = request_path(route, scope)
    return re.sub("^/+", "/", path) if route.is_rest else path


def match_routes(functions: FunctionRegistry, scope: Scope) -> list[RouteMatch]:
    """
    Return the routes that match the path, with any method, the most specific first.

    A path may start with its API's stage, as in AWS's URLs. The stage is then removed from the
    request, because the event's path does not have it.
    """
    if matches := _match_path(functions, scope):
        return matches
    stage, _, path = scope["raw_path"].removeprefix(b"/").partition(b"/")
    without_stage = scope | {"raw_path": b"/" + path, "path": unquote(b"/" + path)}
    name = unquote(stage)
    matches = [each for each in _match_path(functions, without_stage) if each.route.stage == name]
    if matches:
        scope.update(without_stage)
    return matches


def _match_path(functions: FunctionRegistry, scope: Scope) -> list[RouteMatch]:
    matches = [match for function in functions for match in _match_function(function, scope)]
    best: dict[str, tuple[int, ...]] = {}
    for match in matches:
        best[match.route.api] = min(match.generality, best.get(match.route.api, match.generality))
    # a REST API finds the resource before it looks at the method
    matches = [
        match
        for match in matches
        if not match.route.is_rest or match.generality == best[match.route.api]
    ]
    return sorted(matches, key=_sort_key)


def _match_function(function: Function, scope: Scope) -> Iterator[RouteMatch]:
    for route in function.desired_configuration.routes:
        pattern = _pattern(route.path, is_rest=route.is_rest)
        found = pattern.paths.fullmatch(event_path(route, scope))
        if found is not None:
            parameters = dict(zip(pattern.names, found.groups(), strict=True))
            yield RouteMatch(function, route, parameters, pattern.generality)


def _sort_key(match: RouteMatch) -> tuple[bool, tuple[int, ...], bool]:
    # in an HTTP API, every route without a greedy variable goes before those with one
    greedy = not match.route.is_rest and max(match.generality) >= _GREEDY
    return greedy, match.generality, match.route.method == "ANY"
