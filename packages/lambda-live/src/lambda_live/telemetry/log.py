"""
The log as CloudWatch would hold it: the platform's lines and the function's, in text or JSON.

Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html
"""

import json
import logging
from collections.abc import Callable, Mapping

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.levels import DEFAULT_LEVEL, find_level, is_below
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.log_text import end, init_report, now

LOGGER_NAME = "lambda_live"
"""Who speaks in the lines that are this service's own."""


class LogListener(Listener):
    """Writes the log, a whole record at a time, and remembers its end for the caller."""

    def __init__(self, out: Callable[[bytes], None], *, json_format: bool) -> None:
        self._out = out
        self._json = json_format
        self._application_level = self._system_level = DEFAULT_LEVEL
        self._name: str | None = None

    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:
        """Write as it says, with the function's name where there are several."""
        self._json = configuration.json_logs
        self._application_level = configuration.application_log_level or DEFAULT_LEVEL
        self._system_level = configuration.system_log_level
        self._name = configuration.name if multiple else None

    def _write(self, line: bytes, invocation: Invocation | None = None) -> None:
        self._out(self._signed(line))
        if invocation is not None:
            invocation.append_log(line)

    def _signed(self, line: bytes) -> bytes:
        """Say whose line it is: several functions have one log here, and one each at AWS."""
        if self._name is None or not self._json:
            return line
        rest = line[1:].lstrip()
        comma = b"" if rest.startswith(b"}") else b", "
        return b'{"functionName": ' + json.dumps(self._name).encode() + comma + rest

    def _system(
        self, level: str, kind: str, record: object, invocation: Invocation | None = None
    ) -> None:
        if not is_below(level, self._system_level):
            self._event(f"platform.{kind}", record, invocation)

    def _event(self, kind: str, record: object, invocation: Invocation | None = None) -> None:
        event = {"time": now(), "type": kind, "record": record}
        if kind == "function" and invocation is not None:
            event["requestId"] = invocation.request_id
        self._write(
            json.dumps(event, ensure_ascii=False).encode("utf-8", "replace") + b"\n", invocation
        )

    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        """Write a record of the function's; JSON format wraps what is none, as Telemetry does."""
        members = _members(record) if self._json else []
        if members is None:
            self._event("function", record.decode("utf-8", "replace"), invocation)
        elif not is_below(find_level(members), self._application_level):
            self._write(record + b"\n", invocation)

    def on_init_start(self, runtime: str) -> None:
        """Write that an execution environment begins its init."""
        if self._json:
            record = {"initializationType": "on-demand", "phase": "init", "runtimeVersion": runtime}
            self._system("INFO", "initStart", record)
        else:
            self._write(f"INIT_START Runtime Version: {runtime}\n".encode())

    def on_init_end(self, report: InitReport) -> None:
        """Write how the init ended; AWS's text format does so only when it went wrong."""
        if self._json:
            outcome = {"status": report.status}
            if report.error_type is not None:
                outcome["errorType"] = report.error_type
            record = {"initializationType": "on-demand", "phase": report.phase, **outcome}
            level = "DEBUG" if report.error_type is None else "WARN"
            self._system(level, "initRuntimeDone", record, report.invocation)
            metrics = {"metrics": {"durationMs": round(report.init_ms, 3)}}
            self._system(level, "initReport", record | metrics, report.invocation)
        elif report.error_type is not None:
            self._write(init_report(report).encode(), report.invocation)

    def on_invocation_start(self, invocation: Invocation) -> None:
        """Write that an invocation begins."""
        if self._json:
            record = {"requestId": invocation.request_id, "version": "$LATEST"}
            self._system("INFO", "start", record, invocation)
        else:
            line = f"START RequestId: {invocation.request_id} Version: $LATEST\n"
            self._write(line.encode(), invocation)

    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:  # noqa: ARG002  # the log has no results
        """Write that an invocation ended, and what it took."""
        if self._json:
            self._end_json(invocation, report)
        else:
            self._write(end(invocation.request_id, report).encode(), invocation)

    def _end_json(self, invocation: Invocation, report: Report) -> None:
        outcome: dict[str, object] = {"requestId": invocation.request_id, "status": report.status}
        if report.error_type is not None:
            outcome["errorType"] = report.error_type
        duration = {"durationMs": round(report.duration_ms, 3)}
        failed = report.error_type is not None
        done = outcome | {"metrics": duration}
        self._system("WARN" if failed else "DEBUG", "runtimeDone", done, invocation)
        metrics: dict[str, object] = {
            **duration,
            "billedDurationMs": report.billed_ms,
            "memorySizeMB": report.memory_mb,
            "maxMemoryUsedMB": report.max_memory_mb,
        }
        if report.init_ms is not None:
            metrics["initDurationMs"] = round(report.init_ms, 3)
        told = outcome | {"metrics": metrics}
        self._system("WARN" if failed else "INFO", "report", told, invocation)

    def on_code_load(self, load: CodeLoad) -> None:
        """Write that new code answers."""
        if load.error is None and not load.is_first:
            self.service_log("reloaded", code_sha256=load.code_sha256)

    def on_load_failure(self, where: str, code_sha256: str) -> None:
        """Write where the code can't be loaded."""
        self.service_log(f"init failed: {where}", "ERROR", code_sha256=code_sha256)

    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:
        """Write what nobody else will tell the caller."""
        self.service_log(
            "event dropped after its last try",
            "ERROR",
            request_id=invocation.request_id,
            error=result.payload.decode("utf-8", "replace"),
            event=invocation.payload.decode("utf-8", "replace"),
        )

    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        """Write a line of this service's own."""
        self._write(self._said(message, level, fields))

    def format_lost_message(self, count: int) -> bytes:
        """Return the record that says how many others could not be written."""
        message = f"{count} lines were not written: standard output was full, or nobody read it"
        return self._said(message, "WARN", {})

    def _said(self, message: str, level: str, fields: dict[str, object]) -> bytes:
        if self._json:
            head = {"timestamp": now(), "level": level, "message": message, "logger": LOGGER_NAME}
            line = json.dumps(head | fields, ensure_ascii=False)
        else:
            if self._name is not None:
                fields = {"function": self._name} | fields
            if "code_sha256" in fields:
                fields["code"] = str(fields.pop("code_sha256"))[:12]
            line = f"{LOGGER_NAME}: {message}{_in_words(fields)}"
        return line.encode("utf-8", "replace") + b"\n"


class LoggingBridge(logging.Handler):
    """Lets what libraries say of this service be lines of its own."""

    def __init__(self, log: Listener) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Part of logging's protocol."""
        self._log.service_log(self.format(record), record.levelname)


def _in_words(fields: Mapping[str, object]) -> str:
    return f" ({', '.join(f'{name} {value}' for name, value in fields.items())})" if fields else ""


def _members(record: bytes) -> list[tuple[str, object]] | None:
    """Return those of one line of JSON that nobody takes for the platform's or this service's."""
    if not record.startswith(b"{") or b"\n" in record:
        return None
    try:
        members: list[tuple[str, object]] = json.loads(record, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    forged = any(_forges(name, value) for name, value in members)  # of a name given twice, both
    return None if forged else members


def _forges(name: str, value: object) -> bool:
    if name == "type":
        return isinstance(value, str) and value.startswith("platform.")
    return name == "logger" and value == LOGGER_NAME
