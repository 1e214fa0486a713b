"""What runs again after a save: what was pinned, and what clients asked last, if that is on."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.ui.broadcaster import Feed
from lambda_live.ui.comparison import Comparison, ReplayRow
from lambda_live.ui.fingerprint import identity
from lambda_live.ui.history import Journal
from lambda_live.ui.pins import Pins
from lambda_live.ui.rows import InvocationRow
from lambda_live.ui.runner import NotRunError, run_again

MOST = 50
"""Distinct invocations of clients that run again after a save."""

SOURCE = "replay"
_REMEMBERED = 4 * MOST
_AT_ONCE = 2
_PATIENCE = 0.05


class Replay:
    """Compares answers over a save."""

    def __init__(
        self, functions: FunctionRegistry, journal: Journal, feed: Feed, *, on: bool
    ) -> None:
        self.on = on
        self.told: Callable[[ReplayRow], None] | None = None
        self.pins = Pins(feed)
        self._functions = functions
        self._journal = journal
        self._feed = feed
        self._answers: OrderedDict[str, InvocationRow] = OrderedDict()
        self._rounds: dict[str, asyncio.Task[None]] = {}

    def turn(self, *, on: bool) -> None:
        """Let what clients asked run again after each save, or not."""
        self.on = on
        self._feed.fact("replay", on)

    def on_code_load(self, function: str, code_sha256: str) -> None:
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
        pinned = self.pins.of(function)
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
        self.pins.tell()

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


async def _allow_more(turns: asyncio.Semaphore) -> None:
    """Quick ones share an environment; a cold start for each would take longer than they do."""
    while True:
        await asyncio.sleep(_PATIENCE)
        turns.release()
