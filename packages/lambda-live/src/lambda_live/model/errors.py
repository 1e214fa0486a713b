"""
The errors of a function, as their callers see them.

Texts are AWS's, as recorded on AWS in November 2025.
"""

import json
from collections.abc import Callable

from lambda_live.model.invocation import Result

type ErrorFactory = Callable[[str], Result]
"""Gives the error of the request that has this id."""

MAX_RESPONSE_BYTES = 6_291_556
"""Bytes that a function may return: 6 MiB and 100 (AWS Lambda quotas)."""


def _error(error_type: str, message: str) -> Result:
    payload = json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":"))
    return Result(payload.encode(), error_type=error_type)


def timed_out(request_id: str, timeout: float) -> Result:
    """The function took longer than it may; `timeout` is in seconds."""
    return _error(
        "Sandbox.Timedout",
        f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds",
    )


def init_timed_out() -> Result:
    """The init took longer than it may; it is no answer yet, since AWS tries once more."""
    return _error("Sandbox.Timedout", "Error: init timed out")


def exited(request_id: str, returncode: int) -> Result:
    """The environment's process ended; a negative `returncode` is a signal's, as in subprocess."""
    if returncode == 0:
        how = "exited without providing a reason"
    elif returncode > 0:
        how = f"exited with error: exit status {returncode}"
    else:
        how = f"exited with error: signal: {_SIGNALS.get(-returncode, str(-returncode))}"
    return _error("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime {how}")


def out_of_memory(request_id: str) -> Result:
    """The environment was killed for using more memory than it may."""
    return _error(
        "Runtime.OutOfMemory",
        f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    )


def response_too_large() -> Result:
    """The function returned more than `RESPONSE_LIMIT` bytes."""
    message = (
        f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
    )
    return _error("Function.ResponseSizeTooLarge", message)


def event_not_run(condition: str) -> Result:
    """An event never ran; AWS's word for why is the condition of its record."""
    return _error(condition, "The event was not run.")


def environment_not_started(why: str) -> Result:
    """No process could be had for an environment."""
    return _error("ServiceException", f"Cannot start an execution environment: {why}")


_SIGNALS = {
    # as Go names them, in which AWS's platform is written
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
}
