"""
The router of AWS's Lambda API: the operation and the function of a request.

A caller names a function by its name, its ARN or a part of it, and by a qualifier.

Sources: https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (the patterns of names)
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Any

from lambda_live.functions.function import Function
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.asgi import (
    BodyTooLargeError,
    DisconnectedError,
    Receive,
    Response,
    Scope,
    client,
    query_parameter,
    read_body,
)
from lambda_live.http.aws_errors import (
    ServiceError,
    raise_not_found,
    raise_user_error,
    raise_validation_error,
)
from lambda_live.http.caller_policy import check_user
from lambda_live.http.headers import AddIdHeaders, add_lambda_ids
from lambda_live.model.invocation import MAX_SYNC_PAYLOAD_BYTES, Invocation, Result
from lambda_live.model.strict_json import loads

_DATED = re.compile(r"/20\d\d-\d\d-\d\d(/.*)?")
_NAME = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_REGION, _ACCOUNT, _FUNCTION, _DERIVED = 3, 9, 11, 13
_QUALIFIER = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"


def resolve_function(
    functions: FunctionRegistry,
    name: str,
    qualifier: str | None,
    *,
    reports_latest: bool,
    missing: str = "",
) -> tuple[Function, str | None]:
    """
    Return the function with that name and that qualifier, and the qualifier.

    With `reports_latest`, the error for a missing function has `$LATEST` at the end of its ARN.
    `missing` is another message for that error.

    Raises:
        ServiceError: The name is invalid, or there is no such function.
    """
    region, account_id, own_name, derived = _split_name(name, qualifier)
    if derived and qualifier and derived != qualifier:
        message = "The derived qualifier from the function name does not match the specified"
        raise_user_error("InvalidParameterValueException", f"{message} qualifier.")
    function = functions.get(own_name)
    own = (function or functions.default).configuration.account
    if region and region != own.region:
        message = f"Functions from '{region}' are not reachable in this region ('{own.region}')"
        raise_not_found(message)
    account = replace(own, account_id=account_id) if account_id else own
    qualifier = qualifier or derived or None
    version = function and function.desired_configuration.version_of(qualifier)
    if function is None or account != own or version is None:
        suffix = qualifier or ("$LATEST" if reports_latest else None)
        arn = account.function_arn(own_name)
        raise_not_found(missing or f"Function not found: {arn}{f':{suffix}' if suffix else ''}")
    return function, qualifier


@lru_cache(256)
def _split_name(name: str, qualifier: str | None) -> tuple[str, str, str, str]:
    """Split a name into region, account, name and qualifier. Missing parts are empty."""
    errors = []
    if qualifier is not None:
        errors += constraint_errors("qualifier", qualifier, 128, _QUALIFIER)
    errors += constraint_errors("functionName", name, 256, _NAME)
    match = re.fullmatch(_NAME, name)
    if errors or match is None:
        raise_validation_error(*errors)
    region, account_id, own_name, derived = match.group(_REGION, _ACCOUNT, _FUNCTION, _DERIVED)
    return (region or "").rstrip(":"), (account_id or "").rstrip(":"), own_name, derived or ""


def constraint_errors(member: str, value: str, max_length: int, pattern: str) -> list[str]:
    """Return AWS's messages for a value that is too long or does not match a pattern."""
    failed = f"Value '{value}' at '{member}' failed to satisfy constraint: Member must"
    if len(value) > max_length:
        return [f"{failed} have length less than or equal to {max_length}"]
    if not re.fullmatch(pattern, value):
        return [f"{failed} satisfy regular expression pattern: {pattern}"]
    return []


@dataclass(frozen=True, slots=True)
class Request:
    """A request for an operation on a function, or on the version or alias `qualifier` of it."""

    function: Function
    qualifier: str | None
    scope: Scope
    receive: Receive
    invocation: Invocation


async def invoke(function: Function, invocation: Invocation, scope: Scope) -> Result:
    """
    Invoke a function for the client that sent a request.

    An invocation that still waits when its client disconnects is dropped. A running one goes on.

    Raises:
        DisconnectedError: The client disconnected.
        NotInvokedError: It is throttled or rejected, or the service is stopping.
    """
    sender = client(scope)
    if not sender.is_connected:
        raise DisconnectedError
    with sender.on_disconnect(partial(function.drop_queued, invocation, DisconnectedError())):
        return await function.invoke(invocation)


async def read_whole_body(request: Request) -> bytes:
    """Return the body of a request. Raises ServiceError, DisconnectedError."""
    try:
        return await read_body(request.scope, request.receive, MAX_SYNC_PAYLOAD_BYTES)
    except BodyTooLargeError:
        message = f"Request must be smaller than {MAX_SYNC_PAYLOAD_BYTES} bytes"
        raise_user_error("RequestTooLargeException", message, 413)


async def read_json_body(request: Request) -> dict[str, Any]:
    """Return the members of a request's JSON object. Raises ServiceError, DisconnectedError."""
    try:
        members = loads(await read_whole_body(request) or b"{}")
    except ValueError as error:
        raise_user_error(
            "SerializationException", f"Could not parse request body into json: {error}"
        )
    if not isinstance(members, dict):
        raise_user_error("SerializationException", "Request body must be a JSON object.")
    return members


def parse_integer(value: object, member: str, minimum: int, maximum: int) -> int:
    """Return a member's value. Raises ServiceError unless it is an integer in the range."""
    if type(value) is not int:
        raise_user_error("SerializationException", f"{value!r} can not be converted to an Integer")
    if not minimum <= value <= maximum:
        how, bound = ("less", maximum) if value > maximum else ("greater", minimum)
        failed = "failed to satisfy constraint: Member must have value"
        raise_validation_error(
            f"Value '{value}' at '{member}' {failed} {how} than or equal to {bound}"
        )
    return value


type Operation = Callable[[Request], Awaitable[Response]]
"""An async function that serves a request.

Raises DisconnectedError, NotInvokedError or ServiceError.
"""


def _allow_no_origin(_: str) -> bool:
    """Reject every foreign page: AWS's API does not support CORS."""
    return False


@dataclass(frozen=True, slots=True)
class OperationMatch:
    """
    The operation for a request, its function, and the ids that its response has.

    `allows_origin` says whether pages of a foreign origin may send the request.
    """

    operation: Operation
    function: Function
    add_id_headers: AddIdHeaders
    qualifier: str | None = None
    allows_origin: Callable[[str], bool] = _allow_no_origin


@dataclass(frozen=True)
class OperationRoute:
    """
    An operation's method and path; `{FunctionName}` and `{UUID}`, for instance, stand for any name.

    With `reports_latest`, AWS's error for a missing function has `$LATEST` at the end of its ARN.
    `missing` is the error's message if it names no ARN. Each operation that is neither a GET nor
    `is_invocation` changes something, so another user of this machine may not run it.
    """

    method: str
    path: str
    operation: Operation
    reports_latest: bool = False
    missing: str = ""
    is_invocation: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The paths that match."""
        path = re.escape(self.path).replace(re.escape("{FunctionName}"), "(?P<name>[^/]+)")
        path = re.sub(r"\\\{\w+\\\}", "[^/]+", path)
        return re.compile(f"{path}/?")


def is_operation(path: str) -> bool:
    """Whether a path belongs to AWS's Lambda API: it starts with a date."""
    return _DATED.fullmatch(path) is not None


class OperationRouter:
    """Finds the operation for a request."""

    def __init__(self, functions: FunctionRegistry, routes: Sequence[OperationRoute]) -> None:
        self._functions = functions
        self._routes = tuple(routes)

    def resolve(self, scope: Scope) -> OperationMatch:
        """Return the operation and the function of a request. Raises ServiceError."""
        method, path = scope["method"], scope["path"]
        for route in self._routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                if method != "GET" and not route.is_invocation:
                    check_user(scope)
                function, qualifier = self._resolve_function(route, match, scope)
                return OperationMatch(route.operation, function, add_lambda_ids, qualifier)
        methods = [route.method for route in self._routes if route.pattern.fullmatch(path)]
        message = f"{method} {path} is not supported"
        message += f"; supported methods: {', '.join(methods)}." if methods else "."
        body = {"Type": "User", "message": message}
        raise ServiceError(404, "UnknownOperationException", body)

    def _resolve_function(
        self, route: OperationRoute, match: re.Match[str], scope: Scope
    ) -> tuple[Function, str | None]:
        name = match.groupdict().get("name")
        if name is None:
            return self._functions.default, None
        return resolve_function(
            self._functions,
            name,
            query_parameter(scope, "Qualifier"),
            reports_latest=route.reports_latest,
            missing=route.missing,
        )
