"""
The log in CloudWatch's format, text or JSON: AWS's platform lines and the function's own.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html (text),
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html (JSON)
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import override

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.levels import DEFAULT_LEVEL, find_level, is_below
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.sanitize import sanitize

_TIMEOUT_MESSAGE = "the timeout stopped this code (most recent call last)"
"""Message in front of the frames of a timeout, which AWS does not log."""

LOGGER_NAME = "lambda_live"
"""The logger's name in the service's own JSON records."""

_PREFIX = "lambda-live: "
"""Starts the service's own lines of text."""


class LogListener(Listener):
    """Writes the log of one function, a whole record at a time."""

    def __init__(self, out: Callable[[bytes], None], *, json_format: bool) -> None:
        self._out = out
        self._json_format = json_format
        self._application_level = self._system_level = DEFAULT_LEVEL
        self._function_name: str | None = None

    @override
    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:
        self._json_format = configuration.json_logs
        self._application_level = configuration.application_log_level or DEFAULT_LEVEL
        self._system_level = configuration.system_log_level
        self._function_name = configuration.name if multiple else None

    def _write(self, line: bytes, invocation: Invocation | None = None) -> None:
        self._out(self._with_function_name(line))
        if invocation is not None:
            invocation.append_log(line)

    def _with_function_name(self, line: bytes) -> bytes:
        """Add the function's name. AWS has one log for each function, the service has one."""
        if self._function_name is None or not self._json_format:
            return line
        rest = line[1:].lstrip()
        comma = b"" if rest.startswith(b"}") else b", "
        return b'{"functionName": ' + json.dumps(self._function_name).encode() + comma + rest

    def _write_platform_event(
        self, level: str, kind: str, record: object, invocation: Invocation | None = None
    ) -> None:
        if not is_below(level, self._system_level):
            self._write_event(f"platform.{kind}", record, invocation)

    def _write_event(self, kind: str, record: object, invocation: Invocation | None = None) -> None:
        event = {"time": _now(), "type": kind, "record": record}
        if kind == "function" and invocation is not None:
            event["requestId"] = invocation.request_id
        self._write(
            json.dumps(event, ensure_ascii=False).encode("utf-8", "replace") + b"\n", invocation
        )

    @override
    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        members = _parse_members(record) if self._json_format else []
        if members is None:  # like AWS's Telemetry API, wrap what is not a JSON object
            self._write_event("function", record.decode("utf-8", "replace"), invocation)
        elif not is_below(find_level(members), self._application_level):
            self._write(record + b"\n", invocation)

    @override
    def on_init_start(self, runtime: str) -> None:
        if self._json_format:
            record = {"initializationType": "on-demand", "phase": "init", "runtimeVersion": runtime}
            self._write_platform_event("INFO", "initStart", record)
        else:
            self._write(f"INIT_START Runtime Version: {runtime}\n".encode())

    @override
    def on_init_end(self, report: InitReport) -> None:
        if self._json_format:
            self._write_init_events(report)
        elif report.error_type is not None:  # AWS's text format reports failed inits only
            self._write(_init_report_text(report).encode(), report.invocation)

    def _write_init_events(self, report: InitReport) -> None:
        outcome = {"status": report.status}
        if report.error_type is not None:
            outcome["errorType"] = report.error_type
        record = {"initializationType": "on-demand", "phase": report.phase, **outcome}
        level = "DEBUG" if report.error_type is None else "WARN"
        self._write_platform_event(level, "initRuntimeDone", record, report.invocation)
        metrics = {"metrics": {"durationMs": round(report.init_ms, 3)}}
        self._write_platform_event(level, "initReport", record | metrics, report.invocation)

    @override
    def on_invocation_start(self, invocation: Invocation) -> None:
        if self._json_format:
            record = {"requestId": invocation.request_id, "version": "$LATEST"}
            self._write_platform_event("INFO", "start", record, invocation)
        else:
            line = f"START RequestId: {invocation.request_id} Version: $LATEST\n"
            self._write(line.encode(), invocation)

    @override
    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        if self._json_format:
            if result.stack:
                self._write(self._format_timeout(invocation, result, report), invocation)
            self._write_report_events(invocation, report)
        else:
            self._write(_report_text(invocation.request_id, report, result).encode(), invocation)

    def _write_report_events(self, invocation: Invocation, report: Report) -> None:
        outcome: dict[str, object] = {"requestId": invocation.request_id, "status": report.status}
        if report.error_type is not None:
            outcome["errorType"] = report.error_type
        duration = {"durationMs": round(report.duration_ms, 3)}
        failed = report.error_type is not None
        done = outcome | {"metrics": duration}
        self._write_platform_event("WARN" if failed else "DEBUG", "runtimeDone", done, invocation)
        metrics: dict[str, object] = {
            **duration,
            "billedDurationMs": report.billed_ms,
            "memorySizeMB": report.memory_mb,
            "maxMemoryUsedMB": report.max_memory_mb,
        }
        if report.init_ms is not None:
            metrics["initDurationMs"] = round(report.init_ms, 3)
        record = outcome | {"metrics": metrics}
        self._write_platform_event("WARN" if failed else "INFO", "report", record, invocation)

    @override
    def on_code_load(self, load: CodeLoad) -> None:
        if load.error is None and not load.is_first:
            reload_ms = load.elapsed_ms
            self.service_log("reloaded", reload_ms=reload_ms, code_sha256=load.code_sha256)

    @override
    def on_load_failure(self, location: str, code_sha256: str) -> None:
        self.service_log(f"init failed: {location}", "ERROR", code_sha256=code_sha256)

    @override
    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:
        self.service_log(
            "event dropped after the last attempt",
            "ERROR",
            request_id=invocation.request_id,
            error=result.payload.decode("utf-8", "replace"),
            event=invocation.payload.decode("utf-8", "replace"),
        )

    @override
    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        self._write(self._format_message(message, level, fields))

    def _format_timeout(self, invocation: Invocation, result: Result, report: Report) -> bytes:
        fields: dict[str, object] = {
            "errorType": result.error_type,
            "errorMessage": f"Task timed out after {report.duration_ms / 1000:.2f} seconds",
            "stackTrace": result.stack,
            "requestId": invocation.request_id,
        }
        return self._format_message(_TIMEOUT_MESSAGE, "ERROR", fields)

    def _format_message(self, message: str, level: str, fields: dict[str, object]) -> bytes:
        if not self._json_format and self._function_name is not None:
            fields = {"function": self._function_name} | fields
        return _format_record(message, level, fields, json_format=self._json_format)


def _format_record(
    message: str, level: str, fields: dict[str, object], *, json_format: bool
) -> bytes:
    if json_format:
        head = {"timestamp": _now(), "level": level, "message": message, "logger": LOGGER_NAME}
        line = json.dumps(head | fields, ensure_ascii=False)
    else:
        if "code_sha256" in fields:
            fields["code"] = str(fields.pop("code_sha256"))[:12]
        text = "\n".join(map(sanitize, message.split("\n")))
        line = f"{_PREFIX}{text}{_format_fields(fields)}"
    return line.encode("utf-8", "replace") + b"\n"


def format_lost_message(count: int, *, json_format: bool) -> bytes:
    """Return the record that replaces records which could not be written."""
    message = f"{count} lines dropped: standard output was full or not read"
    return _format_record(message, "WARN", {}, json_format=json_format)


class LoggingBridge(logging.Handler):
    """Writes the records of Python's logging as messages of the service."""

    def __init__(self, log: Listener) -> None:
        super().__init__()
        self._log = log

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._log.service_log(self.format(record), record.levelname)


def _now() -> str:
    """Return the time in AWS's format: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _init_report_text(report: InitReport) -> str:
    line = f"INIT_REPORT Init Duration: {report.init_ms:.2f} ms\tPhase: {report.phase}"
    return f"{line}\tStatus: {report.status}\tError Type: {report.error_type}\n"


def _report_text(request_id: str, report: Report, result: Result) -> str:
    """Return the END and REPORT lines, after the timeout's line and the stack if there was one."""
    lines = []
    if report.status == "timeout":
        seconds = report.duration_ms / 1000
        lines.append(f"{_now()} {request_id} Task timed out after {seconds:.2f} seconds\n")
        if result.stack:
            lines.extend((f"{_PREFIX}{_TIMEOUT_MESSAGE}\n", *result.stack))
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


def _format_fields(fields: Mapping[str, object]) -> str:
    texts = (f"{name} {sanitize(str(value))}" for name, value in fields.items())
    return f" ({', '.join(texts)})" if fields else ""


def _parse_members(record: bytes) -> list[tuple[str, object]] | None:
    """
    Return the members of a JSON object on one line, or None.

    Return None, too, if the object looks like a line of the platform or of the service. It is
    then wrapped, so that a function cannot forge such lines.
    """
    if not record.startswith(b"{") or b"\n" in record:
        return None
    try:
        members: list[tuple[str, object]] = json.loads(record, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    # a list keeps both members if a name occurs twice
    forged = any(_impersonates_platform(name, value) for name, value in members)
    return None if forged else members


def _impersonates_platform(name: str, value: object) -> bool:
    if name == "type":
        return isinstance(value, str) and value.startswith("platform.")
    return name == "logger" and value == LOGGER_NAME
