"""
The outcome of an invocation: one definition for the terminal, the page, its charts and its filter.

An invocation fails if
- the function raised an error, exceeded a limit or exited,
- its HTTP response has a status from 500 on, or is invalid,
- it returns an error as its payload, although Lambda reports a success.

A status from 400 to 499 is a client error: the function rejected the request. The checks judge the
HTTP statuses of their own invocations, because a check may expect a 404 or a 500.
"""

import enum
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambda_live.model.invocation import Invocation, Result

_STATUS = re.compile(r"[1-5]\d\d")


class OutcomeKind(enum.StrEnum):
    """Whether an invocation succeeded."""

    SUCCEEDED = "succeeded"
    CLIENT_ERROR = "client-error"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The outcome of one invocation.

    `http_status` is the status that the client gets, None if the result is not an HTTP response.
    `problem` says why an invocation failed although the function raised no error.
    """

    kind: OutcomeKind = OutcomeKind.SUCCEEDED
    http_status: int | None = None
    problem: str = ""

    @property
    def has_failed(self) -> bool:
        """Whether the invocation failed."""
        return self.kind is OutcomeKind.FAILED


SUCCEEDED = Outcome()
_FAILED = Outcome(OutcomeKind.FAILED)


def judge(invocation: "Invocation", result: "Result") -> Outcome:
    """Return the outcome of an invocation."""
    if result.error_type is not None:
        return _FAILED
    try:
        status = _http_status(invocation, result)
    except ValueError as error:
        return Outcome(OutcomeKind.FAILED, None, str(error))
    if problem := _error_payload(result.payload):
        return Outcome(OutcomeKind.FAILED, status, problem)
    if status is None:
        return SUCCEEDED
    return Outcome(_kind_of_status(status, is_check=invocation.is_check), status)


def _kind_of_status(status: int, *, is_check: bool) -> OutcomeKind:
    if status < 400 or is_check:  # noqa: PLR2004  # classes of HTTP statuses
        return OutcomeKind.SUCCEEDED
    return OutcomeKind.CLIENT_ERROR if status < 500 else OutcomeKind.FAILED  # noqa: PLR2004


def _http_status(invocation: "Invocation", result: "Result") -> int | None:
    """Return the status of the HTTP response. Raises ValueError if the response is invalid."""
    if invocation.read_status is not None:
        return invocation.read_status(result)
    if b'"statusCode"' not in result.payload:
        return None
    value = _parse(result.payload)
    status = str(value.get("statusCode")) if isinstance(value, dict) else ""
    return int(status) if _STATUS.fullmatch(status) else None


def _error_payload(payload: bytes) -> str:
    """Return the error that a payload describes as AWS's runtimes do, or an empty text."""
    if b"errorType" not in payload or b"errorMessage" not in payload:
        return ""
    value = _parse(payload)
    if isinstance(value, dict) and isinstance(value.get("body"), str):
        value = _parse(value["body"])
    if not isinstance(value, dict) or not {"errorType", "errorMessage"} <= value.keys():
        return ""
    return f"the function returned an error as its result: {value['errorType']}"


def _parse(text: bytes | str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
