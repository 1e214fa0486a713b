"""The end of an invocation: its log, its metrics, its answer."""

from lambda_local.invocation import Invocation, Result
from lambda_local.telemetry.listener import Listener
from lambda_local.telemetry.report import Report


def end(invocation: Invocation, result: Result, report: Report, listener: Listener) -> None:
    """Tell of it, then let the caller have the result."""
    if not invocation.began:
        invocation.began = True
        listener.invocation_began(invocation)
    listener.invocation_ended(invocation, result, report)
    invocation.succeed(result)
