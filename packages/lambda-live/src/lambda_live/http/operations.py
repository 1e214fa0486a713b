"""
AWS's API for Lambda: which operation a request is, and of which function.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qs

from lambda_live.functions.registry import Functions
from lambda_live.http import id_headers
from lambda_live.http.asgi import Receive, Response, Scope
from lambda_live.http.aws_errors import unknown_operation
from lambda_live.http.function_reference import Named, find
from lambda_live.model.invocation import Invocation

_DATED = re.compile(r"/20\d\d-\d\d-\d\d(/.*)?")


@dataclass(frozen=True, slots=True)
class Request:
    """One request, of a function that is here."""

    named: Named
    scope: Scope
    receive: Receive
    invocation: Invocation


type Operation = Callable[[Request], Awaitable[Response]]
"""Answers a request. Raises DisconnectedError, ServiceError, ThrottledError, StoppingError."""


def _no_origin(_: str) -> bool:
    """AWS's API serves no browser."""
    return False


@dataclass(frozen=True, slots=True)
class Found:
    """
    What answers a request, about which function, and how its answer is signed.

    Pages of an origin that it `allows` may ask it.
    """

    operation: Operation
    named: Named
    sign: id_headers.Sign
    allows: Callable[[str], bool] = _no_origin


@dataclass(frozen=True)
class Route:
    """
    The way to an operation; `{FunctionName}` stands for any name in its path.

    With `latest`, AWS names a function that is not here by its version, too.
    """

    method: str
    path: str
    operation: Operation
    latest: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What its paths look like."""
        path = re.escape(self.path).replace(re.escape("{FunctionName}"), "(?P<name>[^/]+)")
        return re.compile(f"{path}/?")


def is_operation(path: str) -> bool:
    """Whether a path is of AWS's API: all those below a date are, and none is a function's URL."""
    return _DATED.fullmatch(path) is not None


class Operations:
    """Knows the operations that are offered here."""

    def __init__(self, functions: Functions, routes: Sequence[Route]) -> None:
        self._functions = functions
        self._routes = tuple(routes)

    def find(self, scope: Scope) -> Found:
        """Return the operation, and the function that it is about. Raises ServiceError."""
        method, path = scope["method"], scope["path"]
        for route in self._routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                named = self._named(route, match, scope)
                return Found(route.operation, named, id_headers.of_lambda)
        others = [route.method for route in self._routes if route.pattern.fullmatch(path)]
        message = f"No operation is offered here at {method} {path}"
        message += f"; there is {', '.join(others)}." if others else "."
        raise unknown_operation(message)

    def _named(self, route: Route, match: re.Match[str], scope: Scope) -> Named:
        name = match.groupdict().get("name")
        if name is None:
            return Named(self._functions.default)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("Qualifier", [None])[0]
        return find(self._functions, name, given, latest=route.latest)
