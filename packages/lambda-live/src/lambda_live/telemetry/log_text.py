"""
The platform's lines in AWS's text format.

Source: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from datetime import UTC, datetime

from lambda_live.model.invocation import InitReport, Report


def now() -> str:
    """Return the time as AWS writes it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def init_report(report: InitReport) -> str:
    """Return what is written of an init that went wrong."""
    line = f"INIT_REPORT Init Duration: {report.init_ms:.2f} ms\tPhase: {report.phase}"
    return f"{line}\tStatus: {report.status}\tError Type: {report.error_type}\n"


def end(request_id: str, report: Report) -> str:
    """Return what is written when an invocation has ended."""
    lines = []
    if report.status == "timeout":
        seconds = report.duration_ms / 1000
        lines.append(f"{now()} {request_id} Task timed out after {seconds:.2f} seconds\n")
    lines.append(f"END RequestId: {request_id}\n")
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {report.duration_ms:.2f} ms",
        f"Billed Duration: {report.billed_ms} ms",
        f"Memory Size: {report.memory_mb} MB",
        f"Max Memory Used: {report.max_memory_mb} MB",
    ]
    if report.init_ms is not None:
        fields.append(f"Init Duration: {report.init_ms:.2f} ms")
    if report.status in ("timeout", "failure"):
        fields.append(f"Status: {'timeout' if report.status == 'timeout' else 'error'}")
    if report.status == "failure":
        fields.append(f"Error Type: {report.error_type}")
    return "".join(lines) + "\t".join(fields) + "\t\n"
