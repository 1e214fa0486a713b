"""
The last invocations of all functions and the saves between them.

The invocations of clients, those that the checks and the replay started, and the notes between
them have limits of their own: a check after each save never removes a client's request.
"""

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, override

from lambda_live.dependencies.missing_modules import explain_error
from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.source_location import LocationFinder, SourceLocation, error_message
from lambda_live.ui.broadcaster import Broadcaster
from lambda_live.ui.live_stats import LiveStats
from lambda_live.ui.rows import (
    MAX_BODY_BYTES,
    InvocationRow,
    Part,
    ReloadRow,
    Row,
    Truncated,
    import_json,
    truncate,
)

if TYPE_CHECKING:
    from lambda_live.ui.store import HistoryStore

MAX_INVOCATIONS = 1000
"""Invocations of clients."""

MAX_AUTOMATIC_INVOCATIONS = 500
"""Invocations that the checks and the replay started."""

MAX_NOTES = 500
"""Saves, results of checks, and replays."""

MAX_BYTES = 32 * 2**20
MAX_AUTOMATIC_BYTES = 8 * 2**20
MAX_NOTE_BYTES = 8 * 2**20
"""Bytes in memory that all bodies of a group may use."""

_MAX_REMEMBERED_INITS = 32
_MAX_KEYS = 100
"""How many messages or records of a batch are remembered to find its retries."""


def unique_ids() -> Iterator[int]:
    """
    Return increasing ids that no earlier service has used.

    A page that stays open over a restart still requests ids of the earlier service. The ids start
    at the microseconds since the epoch, which JavaScript represents exactly.
    """
    return itertools.count(time.time_ns() // 1000)


class _Group:
    """The rows that share one limit of count and size, oldest first."""

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._rows: deque[Row] = deque()
        self._bytes = 0

    def add(self, row: Row) -> Iterator[Row]:
        """Add a row; remove and yield the oldest ones above the limits."""
        self._rows.append(row)
        self._bytes += row.size
        while len(self._rows) > 1 and (
            len(self._rows) > self._max_rows or self._bytes > self._max_bytes
        ):
            oldest = self._rows.popleft()
            self._bytes -= oldest.size
            yield oldest


class History:
    """Keeps the newest rows of each group within its limits, and publishes and stores new ones."""

    def __init__(self, broadcaster: Broadcaster, store: "HistoryStore") -> None:
        self._broadcaster = broadcaster
        self._store = store
        self._by_id: dict[int, Row] = {}
        self._by_request: dict[str, InvocationRow] = {}
        self._clients = _Group(MAX_INVOCATIONS, MAX_BYTES)
        self._automatic = _Group(MAX_AUTOMATIC_INVOCATIONS, MAX_AUTOMATIC_BYTES)
        self._notes = _Group(MAX_NOTES, MAX_NOTE_BYTES)
        self._ids = unique_ids()

    def __iter__(self) -> Iterator[Row]:
        """Iterate over all rows, newest first."""
        return reversed(list(self._by_id.values()))

    def new_id(self) -> int:
        """Return the id for the next row."""
        return next(self._ids)

    def get(self, row_id: int) -> Row | None:
        """Return the row with this id, or None if it was removed."""
        return self._by_id.get(row_id)

    def find_request(self, request_id: str) -> InvocationRow | None:
        """Return the last attempt of a request."""
        return self._by_request.get(request_id)

    def invocations(self) -> Iterator[InvocationRow]:
        """Iterate over the invocations, newest first."""
        return (row for row in self if isinstance(row, InvocationRow))

    def attempts(self, row: InvocationRow) -> list[InvocationRow]:
        """Return all attempts to process the same event, messages or records, oldest first."""
        keys = set(row.keys)
        found = [
            each
            for each in self.invocations()
            if each.function == row.function
            and (each.request_id == row.request_id or not keys.isdisjoint(each.keys))
        ]
        return found[::-1]

    def restore(self, rows: Iterable[Row]) -> None:
        """Add the rows of an earlier service, oldest first."""
        for row in rows:
            self._insert(row)

    def add(self, row: Row, bodies: Mapping[Part, bytes] = MappingProxyType({})) -> None:
        """
        Add, store and publish a row; remove the oldest ones above the limits.

        `bodies` are those that the row has only the start of.
        """
        self._store.add(row, bodies)
        self._insert(row)
        self._broadcaster.publish_row(row)

    def update(self, row: Row) -> None:
        """Store and publish a row whose fields changed."""
        if row.id in self._by_id:
            self._store.add(row, {})
            self._broadcaster.publish_row(row)

    def whole_body(self, row: InvocationRow, part: Part) -> bytes | None:
        """Return a body that may be too long to be kept in memory; None if it is not stored."""
        body: Truncated = getattr(row, part)
        return self._store.body(row.id, part) if body.is_truncated else body.content

    def _insert(self, row: Row) -> None:
        self._by_id[row.id] = row
        group = self._notes
        if isinstance(row, InvocationRow):
            self._by_request[row.request_id] = row
            group = self._automatic if row.is_automatic else self._clients
        for oldest in group.add(row):
            self._remove(oldest)

    def _remove(self, row: Row) -> None:
        del self._by_id[row.id]
        if isinstance(row, InvocationRow) and self._by_request.get(row.request_id) is row:
            del self._by_request[row.request_id]
        self._store.remove(row.id)


class LogBuffer:
    """
    The first `MAX_BODY_BYTES` of a log, and when each of its records was written.

    `timestamp` is its start in seconds since the epoch; `times` are relative to that.
    """

    __slots__ = ("_lines", "_records", "_size", "started_monotonic", "times", "timestamp")

    def __init__(self) -> None:
        self.timestamp = time.time()
        self.started_monotonic = time.monotonic()
        self.times: list[int] = []
        self._records: list[bytes] = []
        self._size = 0
        self._lines = 0

    def add(self, record: bytes) -> None:
        """Append a record; above the limit only its size is counted."""
        if self._size < MAX_BODY_BYTES:
            self._records.append(record)
            self.times += (self._lines, round((time.monotonic() - self.started_monotonic) * 1000))
            self._lines += record.count(b"\n") + 1
        self._size += len(record) + 1

    def truncated(self) -> Truncated:
        """Return the log so far."""
        return Truncated(b"\n".join(self._records)[:MAX_BODY_BYTES], max(0, self._size - 1))


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
        self.running: dict[Invocation, LogBuffer] = {}
        self.last_load: ReloadRow | None = None
        self.code_sha256 = ""
        self._history = history
        self._stats = stats
        self._on_load = on_load
        self._count_waiting = count_waiting
        self._configuration = configuration
        self._locations = LocationFinder(configuration.task_root)
        self._init_log = LogBuffer()
        self._last_init: InitReport | None = None
        self._figures: dict[str, Any] | None = None
        self._inits: deque[InitReport] = deque(maxlen=_MAX_REMEMBERED_INITS)

    @override
    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:
        self._configuration = configuration
        self._locations = LocationFinder(configuration.task_root)

    @override
    def on_init_end(self, report: InitReport) -> None:
        self._last_init = report
        self._inits.append(report)
        if report.error_type is None:
            self._stats.add_init(report.init_ms)

    @override
    def on_invocation_start(self, invocation: Invocation) -> None:
        self.running[invocation] = LogBuffer()
        self._stats.start_invocation(self._count_waiting())

    @override
    def function_log(self, record: bytes, invocation: Invocation | None) -> None:
        running = None if invocation is None else self.running.get(invocation)
        (running or self._init_log).add(record)

    @override
    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        log = self.running.pop(invocation, None) or LogBuffer()
        outcome, now = report.outcome, time.time()
        self._stats.finish_invocation(report.duration_ms, failed=outcome.has_failed)
        # an init that failed within the invocation is part of its duration, not of the waiting
        elapsed_ms = (time.monotonic() - invocation.arrived_at) * 1000
        row = InvocationRow(
            id=self._history.new_id(),
            function=self.function,
            label=invocation.label,
            client=invocation.client,
            request_id=invocation.request_id,
            timestamp=min(log.timestamp, now - report.duration_ms / 1000),
            waited_ms=max(0.0, elapsed_ms - report.duration_ms),
            event=truncate(invocation.payload),
            response=truncate(result.payload),
            log=log.truncated(),
            log_times=log.times,
            report=report,
            code_sha256=result.code_sha256,
            client_context=invocation.client_context,
            source=dict(invocation.source),
            keys=invocation.keys[:_MAX_KEYS],
            attempt=invocation.attempt,
            tenant_id=invocation.tenant_id,
        )
        if report.init_ms is not None:
            row.imports = self._imports_of(report.init_ms)
        if result.error_type is not None:
            row.message = explain_error(
                result, self._configuration.task_root, self._configuration.project
            )
            row.location = self._locate(result)
        bodies: dict[Part, bytes] = {}
        if row.event.is_truncated:
            bodies["event"] = invocation.payload
        if row.response.is_truncated:
            bodies["response"] = result.payload
        self._history.add(row, bodies)

    @override
    def on_failure_handled(self, request_id: str, consequence: str) -> None:
        if (row := self._history.find_request(request_id)) is not None:
            row.consequence = consequence
            self._history.update(row)

    def _imports_of(self, init_ms: float) -> list[dict[str, Any]]:
        """Return the imports of the cold start that took exactly this time."""
        report = next((each for each in self._inits if each.init_ms == init_ms), None)
        return [] if report is None else [import_json(each) for each in report.imports]

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
            load_ms=load.elapsed_ms,
            init_ms=None if self._last_init is None else self._last_init.init_ms,
            log=self._init_log.truncated(),
            log_times=self._init_log.times,
        )
        if self._last_init is not None and error is None:
            row.imports = [import_json(each) for each in self._last_init.imports]
            row.memory_mb = self._last_init.memory_mb
            row.before, self._figures = self._figures, _figures(row)
        if error is not None:
            row.error_type, row.message = error.error_type, error_message(error)
            row.location = self._locations.locate_load_error(load.location, load.code_sha256)
            if row.location is not None:
                row.message = load.location.split(": ", 1)[1]
        self.last_load = row
        self._init_log = LogBuffer()
        if not load.is_first:
            self._stats.add_save(loaded=error is None)
        self._history.add(row)
        self._on_load(self)


def _figures(row: ReloadRow) -> dict[str, Any]:
    """Return what a save is compared with."""
    return {
        "importMs": sum(each["ms"] for each in row.imports if each["depth"] == 0),
        "memoryMb": row.memory_mb,
    }
