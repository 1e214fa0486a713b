"""The end of an invocation: its log, its metrics, its answer."""

from lambda_live.model.invocation import Invocation, Report, Result
from lambda_live.telemetry.listener import Listener


def complete(invocation: Invocation, result: Result, report: Report, listener: Listener) -> None:
    """Tell of it, then let the caller have the result."""
    if not invocation.is_started:
        invocation.is_started = True
        listener.on_invocation_start(invocation)
    listener.on_invocation_end(invocation, result, report)
    invocation.set_result(result)
