"""Writes down, for the page, what happens to one function."""

import time
from collections.abc import Callable

from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Result
from lambda_live.model.report import CodeLoad, InitReport, Report
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.source_location import LocationFinder, SourceLocation, error_message
from lambda_live.ui.history import Journal
from lambda_live.ui.live_stats import Figures
from lambda_live.ui.rows import InvocationRow, ReloadRow
from lambda_live.ui.truncated import LIMIT, NOTHING, Kept, keep


class Written:
    """The beginning of what a function wrote to its log."""

    __slots__ = ("_records", "_size")

    def __init__(self) -> None:
        self._records: list[bytes] = []
        self._size = 0

    def add(self, record: bytes) -> None:
        """Keep a record while there is room."""
        if self._size < LIMIT:
            self._records.append(record)
        self._size += len(record) + 1

    def kept(self) -> Kept:
        """Return what there is."""
        return Kept(b"\n".join(self._records)[:LIMIT], max(0, self._size - 1))


class Running:
    """An invocation that has begun, at so many seconds of the epoch."""

    __slots__ = ("at", "began", "log")

    def __init__(self) -> None:
        self.at = time.time()
        self.began = time.monotonic()
        self.log: Written | None = None

    def write(self, record: bytes) -> None:
        """Keep what the function wrote meanwhile."""
        if self.log is None:
            self.log = Written()
        self.log.add(record)


class Scribe(Listener):
    """Hears one function; keeps the code's state, and what is under way."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        journal: Journal,
        figures: Figures,
        on_load: Callable[["Scribe"], None],
        waiting: Callable[[], int],
    ) -> None:
        self.function = configuration.name
        self.running: dict[Invocation, Running] = {}
        self.load: ReloadRow | None = None
        self.code = ""
        self._journal = journal
        self._figures = figures
        self._on_load = on_load
        self._waiting = waiting
        self._places = LocationFinder(configuration.task_root)
        self._init_log = Written()
        self._init_ms: float | None = None

    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:  # noqa: ARG002  # a listener's
        """Look for the code where it is now."""
        self._places = LocationFinder(configuration.task_root)

    def on_init_end(self, report: InitReport) -> None:
        """Count a cold start."""
        self._init_ms = report.init_ms
        if report.error_type is None:
            self._figures.initialised(report.init_ms)

    def on_invocation_start(self, invocation: Invocation) -> None:
        """Note when."""
        self.running[invocation] = Running()
        self._figures.began(self._waiting())

    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        """Keep it beside what it belongs to."""
        running = None if invocation is None else self.running.get(invocation)
        if running is None:
            self._init_log.add(record)
        else:
            running.write(record)

    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        """Write it down."""
        running = self.running.pop(invocation, None) or Running()
        failed = result.error_type is not None
        self._figures.ended(report.duration_ms, failed=failed)
        row = InvocationRow(
            id=self._journal.new_id(),
            function=self.function,
            call=invocation.label,
            source=invocation.client,
            request_id=invocation.request_id,
            at=running.at,
            waited_ms=max(0.0, running.began - invocation.arrived_at) * 1000,
            event=keep(invocation.payload),
            answer=keep(result.payload),
            log=NOTHING if running.log is None else running.log.kept(),
            report=report,
            code_sha256=result.code_sha256,
            client_context=invocation.client_context,
        )
        if failed:
            row.message, row.place = error_message(result), self._place(result)
        self._journal.add(row)

    def _place(self, result: Result) -> SourceLocation | None:
        place = self._places.locate_error(result)
        load = self.load
        if place is None and load is not None and load.code_sha256 == result.code_sha256:
            return load.place
        return place

    def on_code_change(self, code_sha256: str) -> None:
        """Begin the log of another init."""
        self.code = code_sha256
        self._init_log = Written()

    def on_code_load(self, load: CodeLoad) -> None:
        """Write down what became of a save."""
        error = load.error
        row = ReloadRow(
            id=self._journal.new_id(),
            function=self.function,
            at=time.time(),
            code_sha256=load.code_sha256,
            first=load.is_first,
            load_ms=self._init_ms,
            log=self._init_log.kept(),
        )
        if error is not None:
            row.error_type, row.message = error.error_type, error_message(error)
            row.place = self._places.locate_load_error(load.location, load.code_sha256)
        self.load = row
        self._init_log = Written()
        if not load.is_first:
            self._figures.saved(loaded=error is None)
        self._journal.add(row)
        self._on_load(self)
