"""
Replay: running earlier invocations again after each save, and comparing the responses.

Pinned invocations always run again. The last distinct invocations of clients run again only if a
person enables it, as functions may have side effects.
"""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, override

from lambda_live.checks.comparison import equivalent
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.model.invocation import REPLAY_CLIENT
from lambda_live.model.strict_json import loads
from lambda_live.ui.broadcaster import Broadcaster
from lambda_live.ui.history import History, unique_ids
from lambda_live.ui.rows import SHORT_SHA_LENGTH, InvocationRow, Row, preview
from lambda_live.ui.runner import ApiError, rerun

MAX_INVOCATIONS = 50
"""Distinct client invocations that run again after a save."""

_MAX_REMEMBERED = 4 * MAX_INVOCATIONS
_INITIAL_CONCURRENCY = 2
_RAMP_UP_SECONDS = 0.05
_REQUEST_FIELDS = ("requestId", "time", "timeEpoch", "http", "domainName", "domainPrefix")
_REQUEST_HEADERS = ("x-amzn-trace-id", "x-forwarded-port", "x-forwarded-for")


def fingerprint(row: InvocationRow) -> str:
    """Return a hash of function, tenant and event, without the ids and times of an HTTP request."""
    content, size = row.event.content, row.event.size
    if not row.event.is_truncated:
        content, size = _without_request_fields(content), 0
    others = json.dumps([row.function, row.tenant_id, row.client_context, size])
    return hashlib.sha256(others.encode() + content).hexdigest()


def _without_request_fields(content: bytes) -> bytes:
    if b'"requestContext"' not in content:
        return content
    try:
        event = loads(content)
    except ValueError:
        return content
    if not isinstance(event, dict):
        return content
    context, headers = _mapping(event, "requestContext"), _mapping(event, "headers")
    method = _mapping(context, "http").get("method")
    event["requestContext"] = _without(context, _REQUEST_FIELDS) | {"method": method}
    event["headers"] = _without(headers, _REQUEST_HEADERS)
    return json.dumps(event).encode()


def _mapping(event: dict[str, Any], name: str) -> dict[str, Any]:
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _without(mapping: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in names}


@dataclass(slots=True)
class Comparison:
    """
    An invocation on the code before and after a save.

    `skip_reason` says why it did not run again; then `after` is None.
    """

    before: InvocationRow
    after: InvocationRow | None
    is_pinned: bool
    skip_reason: str = ""

    @property
    def has_changed(self) -> bool:
        """Whether the response differs."""
        return self.after is not None and not _is_same_response(self.before, self.after)

    @property
    def has_failed(self) -> bool:
        """Whether the invocation fails on the new code."""
        return self.after is not None and self.after.report.outcome.has_failed

    def summary(self) -> dict[str, object]:
        """Return the fields that a list shows."""
        return {
            "label": self.before.label,
            "preview": preview(self.before.label, self.before.event),
            "before": self.before.id,
            "after": self.after.id if self.after else None,
            "pinned": self.is_pinned,
            "changed": self.has_changed,
            "skipReason": self.skip_reason,
        }

    def detail(self) -> dict[str, object]:
        """Return all fields, with both invocations."""
        rows = {"beforeRow": self.before.detail()}
        if self.after is not None:
            rows["afterRow"] = self.after.detail()
        return self.summary() | rows


def _is_same_response(one: InvocationRow, other: InvocationRow) -> bool:
    """Whether two responses are equivalent, or the same error."""
    if one.report.error_type is not None or other.report.error_type is not None:
        return (one.report.error_type, one.message) == (other.report.error_type, other.message)
    if one.response == other.response:
        return True
    try:
        return equivalent(one.response.parse(), other.response.parse())
    except ValueError:
        return False


@dataclass(slots=True, eq=False)
class ReplayRow(Row):
    """The comparisons after one save."""

    kind = "replay"
    function: str
    elapsed_ms: float
    code_sha256: str
    comparisons: list[Comparison]

    @property
    def changed_labels(self) -> list[str]:
        """The labels of the invocations whose response changed."""
        return [each.before.label for each in self.comparisons if each.has_changed]

    @property
    @override
    def size(self) -> int:
        # its invocations stay in memory after the history has removed their own rows
        rows = [row for each in self.comparisons for row in (each.before, each.after) if row]
        return sum(row.size for row in rows)

    @override
    def summary(self) -> dict[str, object]:
        return self.head() | {
            "function": self.function,
            "elapsedMs": round(self.elapsed_ms),
            "shortSha": self.code_sha256[:SHORT_SHA_LENGTH],
            "count": len(self.comparisons),
            "changedLabels": self.changed_labels,
            "failedCount": sum(each.has_changed and each.has_failed for each in self.comparisons),
            "skippedCount": sum(each.after is None for each in self.comparisons),
        }

    @override
    def detail(self) -> dict[str, object]:
        return self.summary() | {"comparisons": [each.detail() for each in self.comparisons]}


@dataclass(slots=True)
class Pin:
    """A pinned invocation, and its comparison after the last save."""

    id: int
    row: InvocationRow
    last_comparison: Comparison | None = None

    def summary(self) -> dict[str, object]:
        """Return the fields that the list of pins shows."""
        last = self.last_comparison
        shown = last.after if last and last.after else self.row
        comparison = last.summary() if last else None
        return {"id": self.id, "row": shown.summary(), "lastComparison": comparison}

    def detail(self) -> dict[str, object]:
        """Return all fields, with both responses if it ran again."""
        last = self.last_comparison.detail() if self.last_comparison else None
        more = {"kind": "pin", "original": self.row.detail(), "lastComparison": last}
        return self.summary() | more


class Pins:
    """The pinned invocations; publishes each change."""

    def __init__(
        self, broadcaster: Broadcaster, on_change: Callable[[Iterable[Pin]], None]
    ) -> None:
        self._broadcaster = broadcaster
        self._on_change = on_change
        self._ids = unique_ids()
        self._pins: dict[int, Pin] = {}

    def pin(self, row: InvocationRow) -> Pin:
        """Pin an invocation, or return the pin that has the same event. Raises ValueError."""
        row.event.parse()
        key = fingerprint(row)
        for pin in self._pins.values():
            if fingerprint(pin.row) == key:
                return pin
        pin = Pin(next(self._ids), row)
        self._pins[pin.id] = pin
        self._changed()
        return pin

    def restore(self, pin_id: int, row: InvocationRow) -> None:
        """Add a pin of an earlier service."""
        self._pins[pin_id] = Pin(pin_id, row)

    def remove_function(self, function: str) -> None:
        """Remove the pins of a function that no longer exists."""
        if removed := self.for_function(function):
            for pin in removed:
                del self._pins[pin.id]
            self._changed()

    def unpin(self, pin_id: int) -> bool:
        """Remove a pin; return False if it does not exist."""
        exists = self._pins.pop(pin_id, None) is not None
        self._changed()
        return exists

    def _changed(self) -> None:
        self._on_change(self._pins.values())
        self.publish()

    def summaries(self) -> list[dict[str, object]]:
        """Return the summary of each pin."""
        return [pin.summary() for pin in self._pins.values()]

    def get(self, pin_id: int) -> Pin | None:
        """Return the pin with this id, or None."""
        return self._pins.get(pin_id)

    def for_function(self, function: str) -> list[Pin]:
        """Return a function's pins, oldest first."""
        return [pin for pin in self._pins.values() if pin.row.function == function]

    def publish(self) -> None:
        """Send the current pins to all pages."""
        self._broadcaster.publish("pins", self.summaries())


class Replay:
    """Runs pinned and recent invocations again after each save; off by default for recent ones."""

    def __init__(
        self,
        functions: FunctionRegistry,
        history: History,
        broadcaster: Broadcaster,
        on_replayed: Callable[[int, list[str]], None],
        on_pins_changed: Callable[[Iterable[Pin]], None],
    ) -> None:
        """`on_replayed` gets the number of replayed requests and the labels of the changed ones."""
        self.is_enabled = False
        self.pins = Pins(broadcaster, on_pins_changed)
        self._on_replayed = on_replayed
        self._functions = functions
        self._history = history
        self._broadcaster = broadcaster
        self._latest: OrderedDict[str, InvocationRow] = OrderedDict()
        self._rounds: dict[str, asyncio.Task[None]] = {}

    def set_enabled(self, *, enabled: bool) -> None:
        """Replay recent client invocations after each save, or stop doing so."""
        self.is_enabled = enabled
        self._broadcaster.publish("replay", enabled)

    def toggle(self) -> bool:
        """Turn the replay on or off; return whether it is on."""
        self.set_enabled(enabled=not self.is_enabled)
        return self.is_enabled

    def start_round(self, function: str, code_sha256: str) -> None:
        """Start to replay on newly loaded code; cancel the round of an older save."""
        if (older := self._rounds.get(function)) is not None:
            older.cancel()
        loop = asyncio.get_running_loop()
        self._rounds[function] = loop.create_task(self._run_round(function, code_sha256))

    def remove_function(self, function: str) -> None:
        """Forget everything about a function that no longer exists."""
        if (task := self._rounds.pop(function, None)) is not None:
            task.cancel()
        for key in [key for key, row in self._latest.items() if row.function == function]:
            del self._latest[key]
        self.pins.remove_function(function)

    def stop(self) -> None:
        """Cancel all rounds."""
        for task in self._rounds.values():
            task.cancel()

    async def _run_round(self, function: str, code_sha256: str) -> None:
        started, timestamp = time.monotonic(), time.time()
        pins = self.pins.for_function(function)
        rows = {fingerprint(pin.row): pin.row for pin in reversed(pins)}
        pinned = set(rows)
        if self.is_enabled:
            rows |= self._recent_invocations(function, code_sha256, pinned)
        if not rows:
            return
        comparisons = await self._compare_all(rows, pinned)
        for key, comparison in comparisons.items():
            self._remember(key, comparison.after)
        for pin in pins:
            pin.last_comparison = comparisons[fingerprint(pin.row)]
        row = ReplayRow(
            id=self._history.new_id(),
            function=function,
            timestamp=timestamp,
            elapsed_ms=(time.monotonic() - started) * 1000,
            code_sha256=code_sha256,
            comparisons=list(comparisons.values()),
        )
        self._history.add(row)
        self._on_replayed(len(comparisons), row.changed_labels)
        self.pins.publish()

    def _recent_invocations(
        self, function: str, code_sha256: str, excluded: set[str]
    ) -> dict[str, InvocationRow]:
        """Return the last distinct client invocations that ran on older code, newest first."""
        found: dict[str, InvocationRow] = {}
        for row in self._history.invocations():
            if len(found) == MAX_INVOCATIONS:
                break
            if row.function == function and not row.is_automatic:
                key = fingerprint(row)
                if key not in found and key not in excluded:
                    found[key] = row
        return {key: row for key, row in found.items() if row.code_sha256 != code_sha256}

    async def _compare_all(
        self, rows: dict[str, InvocationRow], pinned: set[str]
    ) -> dict[str, Comparison]:
        slots = asyncio.Semaphore(_INITIAL_CONCURRENCY)
        ramp_up = asyncio.get_running_loop().create_task(_ramp_up(slots))
        try:
            comparisons = await asyncio.gather(
                *(self._compare(key, row, slots, pinned=key in pinned) for key, row in rows.items())
            )
        finally:
            ramp_up.cancel()
        return dict(zip(rows, comparisons, strict=True))

    async def _compare(
        self, key: str, row: InvocationRow, slots: asyncio.Semaphore, *, pinned: bool
    ) -> Comparison:
        before = self._latest_run(key, row)
        try:
            async with slots:
                after = await rerun(self._functions, self._history, row, REPLAY_CLIENT)
        except ApiError as error:
            return Comparison(before, None, pinned, str(error))
        return Comparison(before, after, pinned)

    def _latest_run(self, key: str, row: InvocationRow) -> InvocationRow:
        remembered = self._latest.get(key, row)
        return remembered if remembered.timestamp > row.timestamp else row

    def _remember(self, key: str, row: InvocationRow | None) -> None:
        if row is None:
            return
        self._latest[key] = row
        self._latest.move_to_end(key)
        if len(self._latest) > _MAX_REMEMBERED:
            self._latest.popitem(last=False)


async def _ramp_up(slots: asyncio.Semaphore) -> None:
    """
    Increase the concurrency step by step.

    Quick invocations then share few environments: a cold start for each would take longer.
    """
    while True:
        await asyncio.sleep(_RAMP_UP_SECONDS)
        slots.release()
