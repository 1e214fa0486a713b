"""What runs again after a save: what was pinned, and what clients asked last, if that is on."""

import asyncio
import hashlib
import itertools
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lambda_local.function.functions import Functions
from lambda_local.page.feed import Feed
from lambda_local.page.journal import Journal
from lambda_local.page.likeness import alike
from lambda_local.page.rows import InvocationRow
from lambda_local.page.runner import NotRunError, run_again

MOST = 50
"""Distinct invocations of clients that run again after a save."""

SOURCE = "replay"
_REMEMBERED = 4 * MOST
_AT_ONCE = 2
_PATIENCE = 0.05
_SHORT = 12
_PER_REQUEST = ("requestId", "time", "timeEpoch", "http", "domainName", "domainPrefix")
_PER_REQUEST_HEADERS = ("x-amzn-trace-id", "x-forwarded-port", "x-forwarded-for")


@dataclass(slots=True)
class Comparison:
    """One invocation on the code before a save and on the code after it."""

    before: InvocationRow
    after: InvocationRow | None
    pinned: bool
    why_not: str = ""

    @property
    def changed(self) -> bool:
        """Whether the answer is another one."""
        return self.after is not None and not same_answer(self.before, self.after)

    @property
    def fails(self) -> bool:
        """Whether the new code answers with an error."""
        return self.after is not None and self.after.report.error_type is not None

    def summary(self) -> dict[str, object]:
        """Return what a list shows."""
        return {
            "call": self.before.call,
            "before": self.before.id,
            "after": self.after.id if self.after else None,
            "pinned": self.pinned,
            "changed": self.changed,
            "whyNot": self.why_not,
        }

    def detail(self) -> dict[str, object]:
        """Return both answers."""
        rows = {"beforeRow": self.before.detail()}
        if self.after is not None:
            rows["afterRow"] = self.after.detail()
        return self.summary() | rows


@dataclass(slots=True, eq=False)
class ReplayRow:
    """What the answers were before and after a save."""

    id: int
    function: str
    at: float
    took_ms: float
    code_sha256: str
    comparisons: list[Comparison]

    @property
    def changed(self) -> list[str]:
        """How those were called whose answer is another one now."""
        return [each.before.call for each in self.comparisons if each.changed]

    @property
    def size(self) -> int:
        """Part of Row: what its invocations hold when they are forgotten themselves."""
        rows = [row for each in self.comparisons for row in (each.before, each.after) if row]
        return sum(row.size for row in rows)

    def summary(self) -> dict[str, object]:
        """Part of Row."""
        return {
            "kind": "replay",
            "id": self.id,
            "function": self.function,
            "at": round(self.at * 1000),
            "tookMs": round(self.took_ms),
            "code": self.code_sha256[:_SHORT],
            "count": len(self.comparisons),
            "changed": self.changed,
            "failing": sum(each.changed and each.fails for each in self.comparisons),
            "notRun": sum(each.after is None for each in self.comparisons),
        }

    def detail(self) -> dict[str, object]:
        """Part of Row."""
        return self.summary() | {"comparisons": [each.detail() for each in self.comparisons]}


@dataclass(slots=True)
class Pin:
    """An invocation that a person wants to see again after each save."""

    id: int
    row: InvocationRow
    last: Comparison | None = None

    def summary(self) -> dict[str, object]:
        """Return what the list of pins shows."""
        shown = self.last.after if self.last and self.last.after else self.row
        last = self.last.summary() if self.last else None
        return {"id": self.id, "row": shown.summary(), "last": last}

    def detail(self) -> dict[str, object]:
        """Return all that is known, both answers if it ran again."""
        last = self.last.detail() if self.last else None
        return self.summary() | {"kind": "pin", "original": self.row.detail(), "last": last}


class Replay:
    """Compares answers over a save."""

    def __init__(self, functions: Functions, journal: Journal, feed: Feed, *, on: bool) -> None:
        self.on = on
        self.told: Callable[[ReplayRow], None] | None = None
        self.pins: dict[int, Pin] = {}
        self._functions = functions
        self._journal = journal
        self._feed = feed
        self._numbers = itertools.count(1)
        self._answers: OrderedDict[str, InvocationRow] = OrderedDict()
        self._rounds: dict[str, asyncio.Task[None]] = {}

    def turn(self, *, on: bool) -> None:
        """Let what clients asked run again after each save, or not."""
        self.on = on
        self._feed.fact("replay", on)

    def pin(self, row: InvocationRow) -> Pin:
        """Let it run again after each save; one is pinned once. Raises ValueError."""
        row.event.value()
        key = identity(row)
        for pin in self.pins.values():
            if identity(pin.row) == key:
                return pin
        pin = Pin(next(self._numbers), row)
        self.pins[pin.id] = pin
        self._tell_pins()
        return pin

    def unpin(self, number: int) -> bool:
        """Forget a pin; return whether there was one."""
        there = self.pins.pop(number, None) is not None
        self._tell_pins()
        return there

    def summaries(self) -> list[dict[str, object]]:
        """Return the pins as the page lists them."""
        return [pin.summary() for pin in self.pins.values()]

    def code_loaded(self, function: str, code_sha256: str) -> None:
        """Run again what is to; a newer save ends the round of an older one."""
        if (older := self._rounds.get(function)) is not None:
            older.cancel()
        loop = asyncio.get_running_loop()
        self._rounds[function] = loop.create_task(self._round(function, code_sha256))

    def stop(self) -> None:
        """Run nothing more."""
        for task in self._rounds.values():
            task.cancel()

    async def _round(self, function: str, code_sha256: str) -> None:
        began, at = time.monotonic(), time.time()
        pinned = [pin for pin in self.pins.values() if pin.row.function == function]
        asked = {identity(pin.row): pin.row for pin in reversed(pinned)}
        keys_of_pins = set(asked)
        if self.on:
            asked |= self._of_clients(function, code_sha256, keys_of_pins)
        if not asked:
            return
        turns = asyncio.Semaphore(_AT_ONCE)
        more = asyncio.get_running_loop().create_task(_allow_more(turns))
        try:
            compared = await asyncio.gather(
                *(
                    self._compare(key, row, turns, pinned=key in keys_of_pins)
                    for key, row in asked.items()
                )
            )
        finally:
            more.cancel()
        for key, comparison in zip(asked, compared, strict=True):
            self._remember(key, comparison.after)
            for pin in pinned:
                if identity(pin.row) == key:
                    pin.last = comparison
        took = (time.monotonic() - began) * 1000
        number = self._journal.new_id()
        row = ReplayRow(number, function, at, took, code_sha256, list(compared))
        self._journal.add(row)
        if self.told is not None:
            self.told(row)
        self._tell_pins()

    def _of_clients(
        self, function: str, code_sha256: str, beside: set[str]
    ) -> dict[str, InvocationRow]:
        """Return the last distinct ones that older code answered, the newest first."""
        found: dict[str, InvocationRow] = {}
        for row in self._journal.invocations():
            if len(found) == MOST:
                break
            if row.function == function and row.source not in ("check", SOURCE):
                key = identity(row)
                if key not in found and key not in beside:
                    found[key] = row
        return {key: row for key, row in found.items() if row.code_sha256 != code_sha256}

    async def _compare(
        self, key: str, row: InvocationRow, turns: asyncio.Semaphore, *, pinned: bool
    ) -> Comparison:
        before = self._newest(key, row)
        try:
            async with turns:
                after = await run_again(self._functions, self._journal, row, SOURCE)
        except NotRunError as error:
            return Comparison(before, None, pinned, str(error))
        return Comparison(before, after, pinned)

    def _newest(self, key: str, row: InvocationRow) -> InvocationRow:
        remembered = self._answers.get(key, row)
        return remembered if remembered.at > row.at else row

    def _remember(self, key: str, row: InvocationRow | None) -> None:
        if row is None:
            return
        self._answers[key] = row
        self._answers.move_to_end(key)
        if len(self._answers) > _REMEMBERED:
            self._answers.popitem(last=False)

    def _tell_pins(self) -> None:
        self._feed.fact("pins", self.summaries())


async def _allow_more(turns: asyncio.Semaphore) -> None:
    """Quick ones share an environment; a cold start for each would take longer than they do."""
    while True:
        await asyncio.sleep(_PATIENCE)
        turns.release()


def same_answer(one: InvocationRow, other: InvocationRow) -> bool:
    """Whether both answers say the same, or are the same error."""
    if one.report.error_type is not None or other.report.error_type is not None:
        return (one.report.error_type, one.message) == (other.report.error_type, other.message)
    if one.answer == other.answer:
        return True
    try:
        return alike(one.answer.value(), other.answer.value())
    except (ValueError, RecursionError):
        return False


def identity(row: InvocationRow) -> str:
    """Return what distinct invocations differ in: not the time or the id of an HTTP request."""
    content = row.event.content
    if b'"requestContext"' in content and not row.event.cut:
        content = _without_the_request(content)
    return hashlib.sha256(content + (row.client_context or "").encode()).hexdigest()


def _without_the_request(content: bytes) -> bytes:
    try:
        event = json.loads(content)
    except ValueError:
        return content
    if not isinstance(event, dict):
        return content
    context, headers = _mapping(event, "requestContext"), _mapping(event, "headers")
    method = _mapping(context, "http").get("method")
    event["requestContext"] = _without(context, _PER_REQUEST) | {"method": method}
    event["headers"] = _without(headers, _PER_REQUEST_HEADERS)
    return json.dumps(event).encode()


def _mapping(event: dict[str, Any], name: str) -> dict[str, Any]:
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _without(mapping: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in names}
