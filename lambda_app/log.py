"""Structured logs with the keys of Powertools for AWS Lambda, so that the same queries work."""

import os
import sys
from typing import Any

import structlog
from structlog.processors import CallsiteParameter
from structlog.typing import EventDict, Processor, WrappedLogger

# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
LEVELS = {
    "TRACE": "debug",
    "DEBUG": "debug",
    "INFO": "info",
    "WARN": "warning",
    "ERROR": "error",
    "FATAL": "critical",
}
_cold_start = iter((True,))


def configure() -> None:
    """Write one JSON object per line to stdout, or readable text if stdout is a terminal."""
    level = LEVELS.get(os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper(), "info")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.dev.ConsoleRenderer()] if _is_interactive() else _json_lines()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(),
    )


def bind_invocation(context: Any) -> None:
    """Add this invocation's keys to every log line until the next invocation."""
    keys = {
        "service": os.environ.get("POWERTOOLS_SERVICE_NAME", "service_undefined"),
        "cold_start": next(_cold_start, False),
        "function_name": getattr(context, "function_name", None),
        "function_memory_size": getattr(context, "memory_limit_in_mb", None),
        "function_arn": getattr(context, "invoked_function_arn", None),
        "function_request_id": getattr(context, "aws_request_id", None),
        "xray_trace_id": _xray_trace_id(),
    }
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**{k: v for k, v in keys.items() if v is not None})


def _is_interactive() -> bool:
    # https://docs.aws.amazon.com/powertools/python/latest/#optimizing-for-non-production-environments
    return sys.stdout.isatty() or os.environ.get("POWERTOOLS_DEV", "").lower() in ("1", "true")


def _json_lines() -> list[Processor]:
    return [
        structlog.processors.CallsiteParameterAdder(
            [CallsiteParameter.FUNC_NAME, CallsiteParameter.LINENO]
        ),
        structlog.processors.format_exc_info,
        _powertools_keys,
        structlog.processors.JSONRenderer(),
    ]


def _powertools_keys(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    return {
        "level": line.pop("level").upper(),
        "location": f"{line.pop('func_name')}:{line.pop('lineno')}",
        "message": line.pop("event"),
        "timestamp": line.pop("timestamp"),
        **line,
    }


def _xray_trace_id() -> str | None:
    fields = os.environ.get("_X_AMZN_TRACE_ID", "").split(";")
    return dict(field.partition("=")[::2] for field in fields).get("Root")
