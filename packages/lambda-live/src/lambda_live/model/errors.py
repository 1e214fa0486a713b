"""
The errors that a caller sees, in AWS's words.

The texts were recorded on AWS in November 2025.
"""

import json
import signal
from collections.abc import Callable

from lambda_live.model.invocation import Result

type ErrorFactory = Callable[[str], Result]
"""Returns the error for a request id."""

MAX_RESPONSE_BYTES = 6_291_556
"""6 MiB and 100 bytes (AWS Lambda quotas)."""


def _error(error_type: str, message: str) -> Result:
    payload = json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":"))
    return Result(payload.encode(), error_type=error_type)


def timed_out(request_id: str, timeout: float) -> Result:
    """Return the error of an invocation that exceeded its timeout, in seconds."""
    return _error(
        "Sandbox.Timedout",
        f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds",
    )


def init_timed_out() -> Result:
    """Return the error of an init that exceeded its timeout; AWS repeats such an init."""
    return _error("Sandbox.Timedout", "Error: init timed out")


def exited(request_id: str, returncode: int) -> Result:
    """Return the error of a process that exited; a negative `returncode` is a signal's number."""
    if returncode == 0:
        how = "exited without providing a reason"
    elif returncode > 0:
        how = f"exited with error: exit status {returncode}"
    else:
        # AWS's platform is written in Go, which has C's names in small letters
        name = signal.strsignal(-returncode) or str(-returncode)
        how = f"exited with error: signal: {name.partition(':')[0].lower()}"
    return _error("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime {how}")


def out_of_memory(request_id: str) -> Result:
    """Return the error of an environment that was killed because it exceeded its memory."""
    return _error(
        "Runtime.OutOfMemory",
        f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    )


def response_too_large() -> Result:
    """Return the error of a response that is larger than `MAX_RESPONSE_BYTES`."""
    message = (
        f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
    )
    return _error("Function.ResponseSizeTooLarge", message)


def event_not_run(condition: str) -> Result:
    """Return the error of an event that never ran; `condition` is AWS's word for the reason."""
    return _error(condition, "The event was not run.")


def environment_not_started(why: str) -> Result:
    """Return the error if no environment can be started."""
    return _error("ServiceException", f"Cannot start an execution environment: {why}")
