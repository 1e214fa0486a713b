"""What runs again after a save: what was pinned, and what clients asked last, if that is on."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from lambda_live.functions.registry import FunctionRegistry
from lambda_live.ui.broadcaster import Broadcaster
from lambda_live.ui.comparison import Comparison, ReplayRow
from lambda_live.ui.fingerprint import fingerprint
from lambda_live.ui.history import History
from lambda_live.ui.pins import Pins
from lambda_live.ui.rows import InvocationRow
from lambda_live.ui.runner import InvokeError, rerun

MAX_INVOCATIONS = 50
"""Distinct invocations of clients that run again after a save."""

REPLAY_SOURCE = "replay"
_MAX_REMEMBERED = 4 * MAX_INVOCATIONS
_INITIAL_CONCURRENCY = 2
_RAMP_UP_SECONDS = 0.05


class Replay:
    """Compares answers over a save."""

    def __init__(
        self,
        functions: FunctionRegistry,
        history: History,
        broadcaster: Broadcaster,
        on_replayed: Callable[[int, list[str]], None],
    ) -> None:
        """`on_replayed` gets the number of replayed requests and the labels of the changed ones."""
        self.is_enabled = False
        self._on_replayed = on_replayed
        self.pins = Pins(broadcaster)
        self._functions = functions
        self._history = history
        self._broadcaster = broadcaster
        self._latest: OrderedDict[str, InvocationRow] = OrderedDict()
        self._rounds: dict[str, asyncio.Task[None]] = {}

    def set_enabled(self, *, enabled: bool) -> None:
        """Replay the last client requests after each save, or stop doing so."""
        self.is_enabled = enabled
        self._broadcaster.publish("replay", enabled)

    def toggle(self) -> bool:
        """Turn the replay on or off; return whether it is on."""
        self.set_enabled(enabled=not self.is_enabled)
        return self.is_enabled

    def start_round(self, function: str, code_sha256: str) -> None:
        """Run again what is to; a newer save ends the round of an older one."""
        if (older := self._rounds.get(function)) is not None:
            older.cancel()
        loop = asyncio.get_running_loop()
        self._rounds[function] = loop.create_task(self._run_round(function, code_sha256))

    def stop(self) -> None:
        """Run nothing more."""
        for task in self._rounds.values():
            task.cancel()

    async def _run_round(self, function: str, code_sha256: str) -> None:
        began, at = time.monotonic(), time.time()
        pinned = self.pins.for_function(function)
        asked = {fingerprint(pin.row): pin.row for pin in reversed(pinned)}
        keys_of_pins = set(asked)
        if self.is_enabled:
            asked |= self._client_invocations(function, code_sha256, keys_of_pins)
        if not asked:
            return
        turns = asyncio.Semaphore(_INITIAL_CONCURRENCY)
        more = asyncio.get_running_loop().create_task(_ramp_up(turns))
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
                if fingerprint(pin.row) == key:
                    pin.last = comparison
        took = (time.monotonic() - began) * 1000
        number = self._history.new_id()
        row = ReplayRow(number, function, at, took, code_sha256, list(compared))
        self._history.add(row)
        self._on_replayed(len(compared), row.changed_labels)
        self.pins.publish()

    def _client_invocations(
        self, function: str, code_sha256: str, beside: set[str]
    ) -> dict[str, InvocationRow]:
        """Return the last distinct ones that older code answered, the newest first."""
        found: dict[str, InvocationRow] = {}
        for row in self._history.invocations():
            if len(found) == MAX_INVOCATIONS:
                break
            if row.function == function and row.source not in ("check", REPLAY_SOURCE):
                key = fingerprint(row)
                if key not in found and key not in beside:
                    found[key] = row
        return {key: row for key, row in found.items() if row.code_sha256 != code_sha256}

    async def _compare(
        self, key: str, row: InvocationRow, turns: asyncio.Semaphore, *, pinned: bool
    ) -> Comparison:
        before = self._latest_response(key, row)
        try:
            async with turns:
                after = await rerun(self._functions, self._history, row, REPLAY_SOURCE)
        except InvokeError as error:
            return Comparison(before, None, pinned, str(error))
        return Comparison(before, after, pinned)

    def _latest_response(self, key: str, row: InvocationRow) -> InvocationRow:
        remembered = self._latest.get(key, row)
        return remembered if remembered.at > row.at else row

    def _remember(self, key: str, row: InvocationRow | None) -> None:
        if row is None:
            return
        self._latest[key] = row
        self._latest.move_to_end(key)
        if len(self._latest) > _MAX_REMEMBERED:
            self._latest.popitem(last=False)


async def _ramp_up(turns: asyncio.Semaphore) -> None:
    """Quick ones share an environment; a cold start for each would take longer than they do."""
    while True:
        await asyncio.sleep(_RAMP_UP_SECONDS)
        turns.release()
