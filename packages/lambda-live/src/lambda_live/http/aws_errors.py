"""Error responses of the service, as AWS sends them, when no function answers."""

import json
from collections.abc import Callable, Mapping
from typing import NoReturn

from lambda_live.functions.request_queue import (
    NotInvokedError,
    RecursiveLoopError,
    RejectedError,
    ThrottledError,
)
from lambda_live.http.asgi import Response, Scope

type ErrorPage = Callable[[Response, Scope, str, str], Response]
"""
Returns a page in place of an error response for browsers.

The arguments after the request are the request id, and the reason if it is no exception.
"""


class ServiceError(Exception):
    """An error response: the HTTP status, AWS's error type, and the body."""

    def __init__(
        self,
        status: int,
        error_type: str,
        body: Mapping[str, str | None],
        *headers: tuple[str, str],
    ) -> None:
        super().__init__(error_type)
        self.headers = headers
        self.status = status
        self.error_type = error_type
        self.body = body

    def response(self) -> Response:
        """Return the response as AWS sends it."""
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", self.error_type)]
        headers += self.headers
        return Response(self.status, json.dumps(self.body).encode(), headers)


def raise_user_error(error_type: str, message: str, status: int = 400) -> NoReturn:
    """Raise ServiceError for an error of the caller."""
    raise ServiceError(status, error_type, {"Type": "User", "message": message})


def raise_not_found(message: str) -> NoReturn:
    """Raise ServiceError for a resource that does not exist."""
    body = {"Type": "User", "Message": message}
    raise ServiceError(404, "ResourceNotFoundException", body)


def raise_validation_error(*errors: str) -> NoReturn:
    """Raise ServiceError for invalid values. AWS lists all of them in one message."""
    count = f"{len(errors)} validation error{'' if len(errors) == 1 else 's'} detected"
    raise ServiceError(400, "ValidationException", {"message": f"{count}: {'; '.join(errors)}"})


def json_response(value: object, status: int = 200) -> Response:
    """Return a response with a JSON document."""
    return Response(status, json.dumps(value).encode(), [("Content-Type", "application/json")])


def to_service_error(error: ServiceError | NotInvokedError, *, is_reserved: bool) -> ServiceError:
    """Return AWS's error for `error`. With `is_reserved`, the function has reserved concurrency."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, RecursiveLoopError):
        body = {"Type": "User", "Message": str(error)}
        return ServiceError(400, "RecursiveInvocationException", body)
    if isinstance(error, RejectedError):
        body = {"Type": "User", "message": str(error)}
        return ServiceError(400, "InvalidParameterValueException", body)
    if isinstance(error, ThrottledError):
        limit = "ConcurrentInvocationLimitExceeded"
        reason = f"ReservedFunction{limit}" if is_reserved else limit
        body = {"Reason": reason, "Type": "User", "message": "Rate Exceeded."}
        return ServiceError(429, "TooManyRequestsException", body)
    return ServiceError(
        503, "ServiceException", {"Type": "Service", "Message": "Service is stopping."}
    )
