"""Show what happens to one function: a line for each invocation, and its log below."""

import asyncio
import contextlib
import json
from collections.abc import Iterable
from functools import partial
from typing import override

import wcwidth

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import (
    CHECK_CLIENT,
    REPLAY_CLIENT,
    InitReport,
    Invocation,
    Report,
    Result,
)
from lambda_live.model.outcome import Outcome, OutcomeKind
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.log_message import is_runtime_error
from lambda_live.telemetry.sanitize import sanitize
from lambda_live.terminal.errors import ErrorFormatter, code_excerpt, error_name
from lambda_live.terminal.function_output import (
    MAX_RECORDS,
    LogPreview,
    drop_client_traceback,
    format_records,
)
from lambda_live.terminal.status_view import StatusView
from lambda_live.terminal.text import (
    clock,
    dim,
    format_duration,
    green,
    red,
    truncate,
    yellow,
)

_SUMMARIZED_CLIENTS = (CHECK_CLIENT, REPLAY_CLIENT)
"""Their invocations have no line: one line summarizes them all."""

TERMINAL_CLIENT = "terminal"
"""Value of `Invocation.client` for events that a key invokes. Their responses are printed."""

_MAX_RESPONSE_ROWS = 20
_MAX_RESPONSE_BYTES = 65_536
"""A larger response is shown as it is."""

_COLLECT_SECONDS = 0.25
"""Time in which records outside an invocation are collected before they are shown."""

_MAX_LABEL_COLUMNS = 40


def _fit(parts: list[str], figures: list[str], width: int) -> str:
    """Join the parts. Omit figures from the end until the line fits."""
    line = "  ".join((*parts, *map(dim, figures)))
    while figures and wcwidth.width(line) > width:
        figures = figures[:-1]
        line = "  ".join((*parts, *map(dim, figures)))
    return line


def _figures(report: Report) -> list[str]:
    init = report.init_ms
    return [
        format_duration(report.duration_ms),
        *([] if init is None else [f"cold start {format_duration(init)}"]),
        f"{report.max_memory_mb} MB",
    ]


def _styled_outcome(outcome: Outcome) -> list[str]:
    """Return the HTTP status, and why a result is a failure although no error was raised."""
    color = {OutcomeKind.FAILED: red, OutcomeKind.CLIENT_ERROR: yellow}.get(outcome.kind, str)
    texts = ("" if outcome.http_status is None else str(outcome.http_status), outcome.problem)
    return [color(sanitize(text)) for text in texts if text]


def _response_rows(payload: bytes, width: int) -> list[str]:
    """Return a response as indented JSON, or as text if it is not JSON; a long one is cut."""
    text = payload[:_MAX_RESPONSE_BYTES].decode("utf-8", "replace")
    if len(payload) <= _MAX_RESPONSE_BYTES:
        with contextlib.suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    rows = [f"  {truncate(sanitize(row), width - 2)}" for row in text.splitlines()]
    if len(rows) <= _MAX_RESPONSE_ROWS:
        return rows
    omitted = len(rows) - _MAX_RESPONSE_ROWS
    more = dim(f"  … {omitted:,} more lines; o opens the dashboard, which shows all")
    return [*rows[:_MAX_RESPONSE_ROWS], more]


class TerminalListener(Listener):
    """Prints the invocations of one function, and what it writes to its log."""

    def __init__(
        self, status: StatusView, configuration: FunctionConfiguration, name: str = ""
    ) -> None:
        """`name` is shown on each line. It is empty if there is only one function."""
        self._status = status
        self._name = name
        self._errors = ErrorFormatter(configuration.task_root, configuration.project)
        self._running: dict[Invocation, LogPreview] = {}
        self._outside_records: list[bytes] = []
        self._inits = 0
        self._load_error: CodeLoad | None = None

    @override
    def on_invocation_start(self, invocation: Invocation) -> None:
        status = self._status
        if status.throttle.is_summarizing or not status.screen.has_viewers:
            return
        if invocation.client not in _SUMMARIZED_CLIENTS:
            on_long = partial(self._print_running, invocation)
            preview = self._running[invocation] = LogPreview(on_long, self._print)
            preview.start()

    def _print_running(self, invocation: Invocation) -> None:
        label = self._label(invocation)
        self._print([f"{dim(f'{clock()} …')} {label}  {dim('running')}"])

    @override
    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        if invocation is None or not invocation.is_started:
            self._add_outside_record(record)
        elif (preview := self._running.get(invocation)) is not None:
            preview.add(record)

    def _add_outside_record(self, record: bytes) -> None:
        status = self._status
        if not status.screen.has_viewers or status.throttle.is_summarizing:
            return
        if is_runtime_error(record):
            return
        if not self._outside_records and not self._inits:
            asyncio.get_running_loop().call_later(_COLLECT_SECONDS, self._print_outside_records)
        if len(self._outside_records) < MAX_RECORDS:
            self._outside_records.append(record)

    def _print_outside_records(self) -> None:
        if not self._inits:
            self._print(self._pop_outside_records())

    def _pop_outside_records(self) -> list[str]:
        records, self._outside_records = self._outside_records, []
        return format_records(drop_client_traceback(records))

    @override
    def on_init_start(self, runtime: str) -> None:
        self._inits += 1

    @override
    def on_init_end(self, report: InitReport) -> None:
        # each environment imports the code and writes the same: show it for the first one only
        self._inits = max(0, self._inits - 1)
        self._status.print_once(self._pop_outside_records())

    @override
    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        failed = report.outcome.has_failed
        preview = self._running.pop(invocation, None)
        records = 0 if preview is None else len(preview)
        log = [] if preview is None else preview.finish(failed=failed)
        if not self._status.screen.has_viewers:
            return
        if invocation.client in _SUMMARIZED_CLIENTS:
            if result.error_type is not None and invocation.is_check:
                self._status.record_check_error(lambda: self._code_excerpt(result))
            return
        error = self._format_error(result) if result.error_type is not None else []
        if self._status.throttle.should_show(report.duration_ms, records, failed=failed):
            response = [] if result.error_type else self._response(invocation, result)
            self._print([self._line(invocation, result, report), *log, *error, *response])
        elif error:  # a new error is shown even while invocations are summarized
            self._print([self._line(invocation, result, report), *error])

    def _response(self, invocation: Invocation, result: Result) -> list[str]:
        if invocation.client != TERMINAL_CLIENT:
            return []
        return _response_rows(result.payload, self._status.screen.width)

    def _line(self, invocation: Invocation, result: Result, report: Report) -> str:
        """Return time, outcome, label, status or error, and the figures of AWS's REPORT line."""
        mark = red("✗") if report.outcome.has_failed else green("✓")
        start = f"{dim(clock())} {mark} {self._label(invocation)}"
        if result.error_type is None:
            words = _styled_outcome(report.outcome)
        else:
            words = [red(each) for each in (error_name(result), self._location(result)) if each]
        return _fit([start, *words], _figures(report), self._status.screen.width)

    def _label(self, invocation: Invocation) -> str:
        """Return how the function was called: event, method and path, or operation."""
        label = sanitize(invocation.label or invocation.request_id)
        return f"{self._name} {truncate(label, _MAX_LABEL_COLUMNS)}".lstrip()

    def _format_error(self, result: Result) -> list[str]:
        if self._is_load_error(result):
            return []  # shown when the load failed
        return self._errors.format(result, self._status.screen.width)

    def _code_excerpt(self, result: Result) -> list[str]:
        location = self._errors.locate(result)
        return [] if location is None else code_excerpt(location, self._status.screen.width)

    def _location(self, result: Result) -> str:
        load = self._load_error if self._is_load_error(result) else None
        return self._errors.place(load or result)

    def _is_load_error(self, result: Result) -> bool:
        error = None if self._load_error is None else self._load_error.error
        return error is not None and error.error_type == result.error_type

    @override
    def on_code_change(self, code_sha256: str) -> None:
        self._errors.reset()
        self._status.reset()

    @override
    def on_code_load(self, load: CodeLoad) -> None:
        fixed = self._load_error is not None
        self._load_error = load if load.error else None
        if load.error is None:
            self._status.show_load(load, self._name, fixed=fixed)
        else:
            lines = self._errors.format(load, self._status.screen.width)
            self._status.show_load_error(load, self._name, self._errors.place(load), lines)

    @override
    def on_throttle(self) -> None:
        self._status.count_throttled()

    @override
    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:
        label = self._label(invocation)
        message = f"{label} dropped after the last attempt"
        self.service_log(message, "ERROR", error=result.error_type)

    @override
    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        self._status.log(message, level, **fields)

    def _print(self, lines: Iterable[str]) -> None:
        self._status.screen.print(lines)
