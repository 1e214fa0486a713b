"""Writes down, for the page, what happens to one function."""

import time
from collections.abc import Callable

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.source_location import LocationFinder, SourceLocation, error_message
from lambda_live.ui.history import History
from lambda_live.ui.live_stats import LiveStats
from lambda_live.ui.rows import InvocationRow, ReloadRow
from lambda_live.ui.truncated import EMPTY, MAX_BODY_BYTES, Truncated, truncate


class LogBuffer:
    """The beginning of what a function wrote to its log."""

    __slots__ = ("_records", "_size")

    def __init__(self) -> None:
        self._records: list[bytes] = []
        self._size = 0

    def add(self, record: bytes) -> None:
        """Keep a record while there is room."""
        if self._size < MAX_BODY_BYTES:
            self._records.append(record)
        self._size += len(record) + 1

    def truncated(self) -> Truncated:
        """Return what there is."""
        return Truncated(b"\n".join(self._records)[:MAX_BODY_BYTES], max(0, self._size - 1))


class RunningInvocation:
    """An invocation that has begun, at so many seconds of the epoch."""

    __slots__ = ("log", "started_at", "started_monotonic")

    def __init__(self) -> None:
        self.started_at = time.time()
        self.started_monotonic = time.monotonic()
        self.log: LogBuffer | None = None

    def write(self, record: bytes) -> None:
        """Keep what the function wrote meanwhile."""
        if self.log is None:
            self.log = LogBuffer()
        self.log.add(record)


class HistoryListener(Listener):
    """Hears one function; keeps the code's state, and what is under way."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        history: History,
        stats: LiveStats,
        on_load: Callable[["HistoryListener"], None],
        count_waiting: Callable[[], int],
    ) -> None:
        self.function = configuration.name
        self.running: dict[Invocation, RunningInvocation] = {}
        self.last_load: ReloadRow | None = None
        self.code_sha256 = ""
        self._history = history
        self._stats = stats
        self._on_load = on_load
        self._count_waiting = count_waiting
        self._places = LocationFinder(configuration.task_root)
        self._init_log = LogBuffer()
        self._init_ms: float | None = None

    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:  # noqa: ARG002  # a listener's
        """Look for the code where it is now."""
        self._places = LocationFinder(configuration.task_root)

    def on_init_end(self, report: InitReport) -> None:
        """Count a cold start."""
        self._init_ms = report.init_ms
        if report.error_type is None:
            self._stats.add_init(report.init_ms)

    def on_invocation_start(self, invocation: Invocation) -> None:
        """Note when."""
        self.running[invocation] = RunningInvocation()
        self._stats.start_invocation(self._count_waiting())

    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        """Keep it beside what it belongs to."""
        running = None if invocation is None else self.running.get(invocation)
        if running is None:
            self._init_log.add(record)
        else:
            running.write(record)

    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        """Write it down."""
        running = self.running.pop(invocation, None) or RunningInvocation()
        failed = result.error_type is not None
        self._stats.finish_invocation(report.duration_ms, failed=failed)
        row = InvocationRow(
            id=self._history.new_id(),
            function=self.function,
            label=invocation.label,
            source=invocation.client,
            request_id=invocation.request_id,
            at=running.started_at,
            waited_ms=max(0.0, running.started_monotonic - invocation.arrived_at) * 1000,
            event=truncate(invocation.payload),
            response=truncate(result.payload),
            log=EMPTY if running.log is None else running.log.truncated(),
            report=report,
            code_sha256=result.code_sha256,
            client_context=invocation.client_context,
        )
        if failed:
            row.message, row.location = error_message(result), self._place(result)
        self._history.add(row)

    def _place(self, result: Result) -> SourceLocation | None:
        place = self._places.locate_error(result)
        load = self.last_load
        if place is None and load is not None and load.code_sha256 == result.code_sha256:
            return load.location
        return place

    def on_code_change(self, code_sha256: str) -> None:
        """Begin the log of another init."""
        self.code_sha256 = code_sha256
        self._init_log = LogBuffer()

    def on_code_load(self, load: CodeLoad) -> None:
        """Write down what became of a save."""
        error = load.error
        row = ReloadRow(
            id=self._history.new_id(),
            function=self.function,
            at=time.time(),
            code_sha256=load.code_sha256,
            is_first=load.is_first,
            load_ms=self._init_ms,
            log=self._init_log.truncated(),
        )
        if error is not None:
            row.error_type, row.message = error.error_type, error_message(error)
            row.location = self._places.locate_load_error(load.location, load.code_sha256)
        self.last_load = row
        self._init_log = LogBuffer()
        if not load.is_first:
            self._stats.add_save(loaded=error is None)
        self._history.add(row)
        self._on_load(self)
