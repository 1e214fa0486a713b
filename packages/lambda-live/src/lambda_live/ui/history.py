"""The last invocations of all functions and the saves between them, in memory."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import override

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.source_location import LocationFinder, SourceLocation, error_message
from lambda_live.ui.broadcaster import Broadcaster
from lambda_live.ui.live_stats import LiveStats
from lambda_live.ui.rows import (
    EMPTY,
    MAX_BODY_BYTES,
    InvocationRow,
    ReloadRow,
    Row,
    Truncated,
    truncate,
)

MAX_INVOCATIONS = 1000
MAX_BYTES = 32 * 2**20
"""Bytes that all bodies together may use."""

_MAX_ROWS = 2 * MAX_INVOCATIONS


def unique_ids() -> Iterator[int]:
    """
    Return increasing ids that no earlier service has used.

    A page that stays open over a restart still asks for ids of the earlier service. The ids start
    at the microseconds since the epoch, which JavaScript represents exactly.
    """
    return itertools.count(time.time_ns() // 1000)


class History:
    """Keeps the newest rows within the limits of count and size, and publishes new ones."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster
        self._rows: deque[Row] = deque()
        self._by_id: dict[int, Row] = {}
        self._ids = unique_ids()
        self._invocations = 0
        self._bytes = 0

    def __iter__(self) -> Iterator[Row]:
        """Iterate over all rows, newest first."""
        return reversed(list(self._rows))

    def new_id(self) -> int:
        """Return the id for the next row."""
        return next(self._ids)

    def get(self, row_id: int) -> Row | None:
        """Return the row with this id, or None if it was removed."""
        return self._by_id.get(row_id)

    def find_request(self, request_id: str) -> InvocationRow | None:
        """Return the last attempt of a request."""
        for row in reversed(self._rows):
            if isinstance(row, InvocationRow) and row.request_id == request_id:
                return row
        return None

    def invocations(self) -> Iterator[InvocationRow]:
        """Iterate over the invocations, newest first."""
        return (row for row in self if isinstance(row, InvocationRow))

    def add(self, row: Row) -> None:
        """Add and publish a row; remove the oldest ones above the limits."""
        self._rows.append(row)
        self._by_id[row.id] = row
        self._count(row, 1)
        while self._is_over_limit() and len(self._rows) > 1:
            oldest = self._rows.popleft()
            del self._by_id[oldest.id]
            self._count(oldest, -1)
        self._broadcaster.publish_row(row)

    def _is_over_limit(self) -> bool:
        too_many = self._invocations > MAX_INVOCATIONS or len(self._rows) > _MAX_ROWS
        return too_many or self._bytes > MAX_BYTES

    def _count(self, row: Row, by: int) -> None:
        self._invocations += by * isinstance(row, InvocationRow)
        self._bytes += by * row.size


class LogBuffer:
    """The first `MAX_BODY_BYTES` of a log."""

    __slots__ = ("_records", "_size")

    def __init__(self) -> None:
        self._records: list[bytes] = []
        self._size = 0

    def add(self, record: bytes) -> None:
        """Append a record; above the limit only its size is counted."""
        if self._size < MAX_BODY_BYTES:
            self._records.append(record)
        self._size += len(record) + 1

    def truncated(self) -> Truncated:
        """Return the log so far."""
        return Truncated(b"\n".join(self._records)[:MAX_BODY_BYTES], max(0, self._size - 1))


class RunningInvocation:
    """When an invocation started, and its log so far."""

    __slots__ = ("log", "started_monotonic", "timestamp")

    def __init__(self) -> None:
        self.timestamp = time.time()
        self.started_monotonic = time.monotonic()
        self.log: LogBuffer | None = None

    def add_log(self, record: bytes) -> None:
        """Append a record to the log."""
        if self.log is None:
            self.log = LogBuffer()
        self.log.add(record)


class HistoryListener(Listener):
    """
    Adds rows for one function to the history.

    It also knows which invocations are running and whether the current code could be loaded;
    `on_load` is called after each load.
    """

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
        self._locations = LocationFinder(configuration.task_root)
        self._init_log = LogBuffer()
        self._init_ms: float | None = None

    @override
    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:
        self._locations = LocationFinder(configuration.task_root)

    @override
    def on_init_end(self, report: InitReport) -> None:
        self._init_ms = report.init_ms
        if report.error_type is None:
            self._stats.add_init(report.init_ms)

    @override
    def on_invocation_start(self, invocation: Invocation) -> None:
        self.running[invocation] = RunningInvocation()
        self._stats.start_invocation(self._count_waiting())

    @override
    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        running = None if invocation is None else self.running.get(invocation)
        if running is None:
            self._init_log.add(record)
        else:
            running.add_log(record)

    @override
    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        running = self.running.pop(invocation, None) or RunningInvocation()
        failed = result.error_type is not None
        self._stats.finish_invocation(report.duration_ms, failed=failed)
        row = InvocationRow(
            id=self._history.new_id(),
            function=self.function,
            label=invocation.label,
            client=invocation.client,
            request_id=invocation.request_id,
            timestamp=running.timestamp,
            waited_ms=max(0.0, running.started_monotonic - invocation.arrived_at) * 1000,
            event=truncate(invocation.payload),
            response=truncate(result.payload),
            log=EMPTY if running.log is None else running.log.truncated(),
            report=report,
            code_sha256=result.code_sha256,
            client_context=invocation.client_context,
        )
        if failed:
            row.message, row.location = error_message(result), self._locate(result)
        self._history.add(row)

    def _locate(self, result: Result) -> SourceLocation | None:
        location = self._locations.locate_error(result)
        load = self.last_load
        if location is None and load is not None and load.code_sha256 == result.code_sha256:
            return load.location
        return location

    @override
    def on_code_change(self, code_sha256: str) -> None:
        self.code_sha256 = code_sha256
        self._init_log = LogBuffer()

    @override
    def on_code_load(self, load: CodeLoad) -> None:
        error = load.error
        row = ReloadRow(
            id=self._history.new_id(),
            function=self.function,
            timestamp=time.time(),
            code_sha256=load.code_sha256,
            is_first=load.is_first,
            load_ms=self._init_ms,
            log=self._init_log.truncated(),
        )
        if error is not None:
            row.error_type, row.message = error.error_type, error_message(error)
            row.location = self._locations.locate_load_error(load.location, load.code_sha256)
        self.last_load = row
        self._init_log = LogBuffer()
        if not load.is_first:
            self._stats.add_save(loaded=error is None)
        self._history.add(row)
        self._on_load(self)
