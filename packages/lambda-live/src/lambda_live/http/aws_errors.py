"""What the service answers when no function does: errors as AWS sends them."""

import json
from collections.abc import Mapping
from typing import NoReturn, Protocol

from lambda_live.functions.request_queue import ThrottledError
from lambda_live.functions.stopping import ServiceStoppingError
from lambda_live.http.asgi import Response, Scope


class ErrorPages(Protocol):
    """The pages that replace an error response if a browser sent the request."""

    def for_browser(
        self, response: Response, scope: Scope, request_id: str, reason: str = "", /
    ) -> Response:
        """Return the page, or `response` for other clients. An exception needs no `reason`."""


class ServiceError(Exception):
    """An error of the service's: HTTP status, AWS's name for it, and its body."""

    def __init__(self, status: int, error_type: str, body: Mapping[str, str | None]) -> None:
        super().__init__(error_type)
        self.status = status
        self.error_type = error_type
        self.body = body

    def response(self) -> Response:
        """Return it as AWS sends it."""
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", self.error_type)]
        return Response(self.status, json.dumps(self.body).encode(), headers)


def raise_user_error(status: int, error_type: str, message: str) -> NoReturn:
    """Raise ServiceError for what the caller did wrong."""
    raise ServiceError(status, error_type, {"Type": "User", "message": message})


def unknown_operation(message: str) -> ServiceError:
    """Return the error for what is no operation, or none that is offered here."""
    body = {"Type": "User", "message": message}
    return ServiceError(404, "UnknownOperationException", body)


def raise_not_found(message: str) -> NoReturn:
    """Raise ServiceError for what is not here."""
    body = {"Type": "User", "Message": message}
    raise ServiceError(404, "ResourceNotFoundException", body)


def raise_validation_error(*errors: str) -> NoReturn:
    """Raise ServiceError for values that can't be, in the words in which AWS lists them."""
    count = f"{len(errors)} validation error{'' if len(errors) == 1 else 's'} detected"
    raise ServiceError(400, "ValidationException", {"message": f"{count}: {'; '.join(errors)}"})


def json_response(value: object, status: int = 200) -> Response:
    """Return an answer that is a JSON document."""
    return Response(status, json.dumps(value).encode(), [("Content-Type", "application/json")])


def to_service_error(
    error: ServiceError | ThrottledError | ServiceStoppingError, *, reserved: bool
) -> ServiceError:
    """Return any error as AWS names it to who asks a function whose concurrency is `reserved`."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, ThrottledError):
        return _throttled(reserved=reserved)
    return ServiceError(
        503, "ServiceException", {"Type": "Service", "Message": "Service is stopping."}
    )


def _throttled(*, reserved: bool) -> ServiceError:
    limit = "ConcurrentInvocationLimitExceeded"
    body = {
        "Reason": f"ReservedFunction{limit}" if reserved else limit,
        "Type": "User",
        "message": "Rate Exceeded.",
    }
    return ServiceError(429, "TooManyRequestsException", body)
