"""
The router of AWS's Lambda API: the operation and the function of a request.

A caller names a function by its name, its ARN or a part of it, and by a qualifier.

Sources: https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (the patterns of names)
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from urllib.parse import parse_qs

from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import Receive, Response, Scope
from lambda_live.http.aws_errors import (
    raise_not_found,
    raise_user_error,
    raise_validation_error,
    unknown_operation,
)
from lambda_live.http.headers import AddIdHeaders, add_lambda_ids
from lambda_live.model.invocation import Invocation

_DATED = re.compile(r"/20\d\d-\d\d-\d\d(/.*)?")


_NAME = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_REGION, _ACCOUNT, _OWN, _DERIVED = 3, 9, 11, 13
_QUALIFIER = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A function, and the qualifier by which it was asked for, if it was by one."""

    function: Function
    qualifier: str | None = None


def resolve_function(
    functions: FunctionRegistry, name: str, given: str | None, *, reports_latest: bool
) -> FunctionReference:
    """
    Return the function of that name and that qualifier, if one was given.

    One that is not here is told with `$LATEST` at its end by operations that say `latest`.

    Raises:
        ServiceError: None can be called so, or none is.
    """
    region, account_id, own, derived = _parts(name, given)
    if derived and given and derived != given:
        message = "The derived qualifier from the function name does not match the specified"
        raise_user_error(400, "InvalidParameterValueException", f"{message} qualifier.")
    function = functions.get(own)
    here = (function or functions.default).configuration.account
    if region and region != here.region:
        message = f"Functions from '{region}' are not reachable in this region ('{here.region}')"
        raise_not_found(message)
    account = replace(here, account_id=account_id) if account_id else here
    qualifier = given or derived or None
    if function is None or account != here or qualifier not in (None, "$LATEST"):
        suffix = qualifier or ("$LATEST" if reports_latest else None)
        arn = account.function_arn(own)
        raise_not_found(
            f"Function not found: {arn}:{suffix}" if suffix else f"Function not found: {arn}"
        )
    return FunctionReference(function, qualifier)


@lru_cache(256)
def _parts(name: str, qualifier: str | None) -> tuple[str, str, str, str]:
    """Return region, account, name and qualifier of a name, each empty if it is not in it."""
    errors = []
    if qualifier is not None:
        errors += _errors("qualifier", qualifier, 128, _QUALIFIER)
    errors += _errors("functionName", name, 256, _NAME)
    match = re.fullmatch(_NAME, name)
    if errors or match is None:
        raise_validation_error(*errors)
    region, account_id, own, derived = match.group(_REGION, _ACCOUNT, _OWN, _DERIVED)
    return (region or "").rstrip(":"), (account_id or "").rstrip(":"), own, derived or ""


def _errors(member: str, value: str, max_length: int, pattern: str) -> list[str]:
    failed = f"Value '{value}' at '{member}' failed to satisfy constraint: Member must"
    if len(value) > max_length:
        return [f"{failed} have length less than or equal to {max_length}"]
    if not re.fullmatch(pattern, value):
        return [f"{failed} satisfy regular expression pattern: {pattern}"]
    return []


@dataclass(frozen=True, slots=True)
class Request:
    """One request, of a function that is here."""

    reference: FunctionReference
    scope: Scope
    receive: Receive
    invocation: Invocation


type Operation = Callable[[Request], Awaitable[Response]]
"""Answers a request. Raises DisconnectedError, ServiceError, ThrottledError, StoppingError."""


def _allow_no_origin(_: str) -> bool:
    """AWS's API serves no browser."""
    return False


@dataclass(frozen=True, slots=True)
class OperationMatch:
    """
    What answers a request, about which function, and how its answer is signed.

    Pages of an origin that it `allows` may ask it.
    """

    operation: Operation
    reference: FunctionReference
    add_id_headers: AddIdHeaders
    allows_origin: Callable[[str], bool] = _allow_no_origin


@dataclass(frozen=True)
class OperationRoute:
    """
    The way to an operation; `{FunctionName}` stands for any name in its path.

    With `latest`, AWS names a function that is not here by its version, too.
    """

    method: str
    path: str
    operation: Operation
    reports_latest: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What its paths look like."""
        path = re.escape(self.path).replace(re.escape("{FunctionName}"), "(?P<name>[^/]+)")
        return re.compile(f"{path}/?")


def is_operation(path: str) -> bool:
    """Whether a path is of AWS's API: all those below a date are, and none is a function's URL."""
    return _DATED.fullmatch(path) is not None


class OperationRouter:
    """Knows the operations that are offered here."""

    def __init__(self, functions: FunctionRegistry, routes: Sequence[OperationRoute]) -> None:
        self._functions = functions
        self._routes = tuple(routes)

    def resolve(self, scope: Scope) -> OperationMatch:
        """Return the operation, and the function that it is about. Raises ServiceError."""
        method, path = scope["method"], scope["path"]
        for route in self._routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                named = self._reference(route, match, scope)
                return OperationMatch(route.operation, named, add_lambda_ids)
        others = [route.method for route in self._routes if route.pattern.fullmatch(path)]
        message = f"No operation is offered here at {method} {path}"
        message += f"; there is {', '.join(others)}." if others else "."
        raise unknown_operation(message)

    def _reference(
        self, route: OperationRoute, match: re.Match[str], scope: Scope
    ) -> FunctionReference:
        name = match.groupdict().get("name")
        if name is None:
            return FunctionReference(self._functions.default)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("Qualifier", [None])[0]
        return resolve_function(self._functions, name, given, reports_latest=route.reports_latest)
