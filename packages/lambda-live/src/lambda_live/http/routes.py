"""
Which route of the template's APIs a request takes.

Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-settings-method-request.html
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import Scope
from lambda_live.model.template import Route

DEFAULT_ROUTE = "$default"
_VARIABLE = re.compile(r"\{([^}+]+)(\+?)\}")
_LITERAL, _ONE, _GREEDY, _REST_OF_ALL = range(4)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A route's path: what it looks like, its variables, and how general each segment is."""

    paths: re.Pattern[str]
    names: tuple[str, ...]
    generality: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RouteMatch:
    """The route to a function, and the values of the variables in its path."""

    function: Function
    route: Route
    parameters: dict[str, str]
    generality: tuple[int, ...]


@lru_cache(maxsize=4096)
def _pattern(path: str) -> _Pattern:
    if path == DEFAULT_ROUTE:
        return _Pattern(re.compile(".*", re.DOTALL), (), (_REST_OF_ALL,))
    text, end = "", 0
    for found in _VARIABLE.finditer(path):
        text += re.escape(path[end : found.start()]) + ("(.+)" if found[2] else "([^/]+)")
        end = found.end()
    text += re.escape(path[end:].rstrip("/"))
    names = tuple(found[1] for found in _VARIABLE.finditer(path))
    segments = path.strip("/").split("/")
    return _Pattern(re.compile(f"{text}/?"), names, tuple(map(_generality, segments)))


def _generality(segment: str) -> int:
    found = _VARIABLE.search(segment)
    if found is None:
        return _LITERAL
    return _GREEDY if found[2] else _ONE


def request_path(route: Route, scope: Scope) -> str:
    """Return the path as the API sees it: a REST API's is as it was sent, an HTTP API's decoded."""
    raw = str(scope["raw_path"], "latin-1")
    return raw if route.is_rest else unquote(raw)


def match_routes(functions: FunctionRegistry, scope: Scope) -> list[RouteMatch]:
    """Return the ways that the path has, with any method; the most specific comes first."""
    found = [way for function in functions for way in _match_function(function, scope)]
    best = {
        way.route.api: min(each.generality for each in found if each.route.api == way.route.api)
        for way in found
    }
    # a REST API finds the resource before it looks at the method
    kept = [way for way in found if not way.route.is_rest or way.generality == best[way.route.api]]
    return sorted(kept, key=_order)


def _match_function(function: Function, scope: Scope) -> Iterator[RouteMatch]:
    for route in function.desired_configuration.routes:
        pattern = _pattern(route.path)
        match = pattern.paths.fullmatch(request_path(route, scope))
        if match is not None:
            parameters = dict(zip(pattern.names, match.groups(), strict=True))
            yield RouteMatch(function, route, parameters, pattern.generality)


def _order(way: RouteMatch) -> tuple[bool, tuple[int, ...], bool]:
    # an HTTP API takes a route without a greedy variable before any with one
    greedy = not way.route.is_rest and max(way.generality) >= _GREEDY
    return greedy, way.generality, way.route.method == "ANY"
