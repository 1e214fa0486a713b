"""
Files that a function writes beside its own code: it would reload itself without end.

A change that happens while the function runs, three times in a row, counts as its own. Live reload
then ignores the file.
"""

import time
from collections import deque
from collections.abc import Mapping
from typing import override

from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.listener import Listener

_COUNT = 3
"""Changes in a row during an invocation that count as the function's own."""

_MAX_GAP_SECONDS = 5.0
"""The longest time between two of them."""

_INIT_SECONDS = 10.0
_FREEZE_DELAY_SECONDS = 0.1
"""Time that an environment still runs after a response, and the file system's clock tick."""


class SelfWriteDetector(Listener):
    """Knows when the function ran, and so which files it writes itself. Times are epoch seconds."""

    def __init__(self) -> None:
        self._runs: deque[tuple[float, float]] = deque(maxlen=256)
        self._running: dict[str, float] = {}
        self._inits: deque[float] = deque(maxlen=256)
        self._changes: dict[str, list[float]] = {}

    @override
    def on_init_start(self, runtime: str) -> None:
        self._inits.append(time.time())

    @override
    def on_init_end(self, report: InitReport) -> None:
        if self._inits:
            self._runs.append((self._inits.popleft(), time.time()))

    @override
    def on_invocation_start(self, invocation: Invocation) -> None:
        self._running[invocation.request_id] = time.time()

    @override
    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        started_at = self._running.pop(invocation.request_id, None)
        if started_at is not None:
            self._runs.append((started_at, time.time()))

    def written_by_function(self, changed: Mapping[str, float]) -> list[str]:
        """Return the changed files, given with their times, that the function writes itself."""
        previous = self._changes
        self._changes = {
            path: [*previous.get(path, []), moment][-_COUNT:]
            for path, moment in changed.items()
            if not path.endswith(".py") and self._ran_at(moment)
        }
        return [path for path, moments in self._changes.items() if _is_repeated(moments)]

    def _ran_at(self, moment: float) -> bool:
        inits = ((started_at, started_at + _INIT_SECONDS) for started_at in self._inits)
        running = ((started_at, moment) for started_at in self._running.values())
        return any(
            started_at - _FREEZE_DELAY_SECONDS <= moment <= ended_at + _FREEZE_DELAY_SECONDS
            for runs in (self._runs, inits, running)
            for started_at, ended_at in runs
        )


def _is_repeated(moments: list[float]) -> bool:
    longest = _MAX_GAP_SECONDS * (_COUNT - 1)
    return len(moments) == _COUNT and moments[-1] - moments[0] < longest
