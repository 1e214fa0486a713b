"""The last minutes in figures, a second each."""

import math
import time
from collections import deque
from collections.abc import Iterable

SECONDS = 300
"""Seconds that are kept."""

_SAMPLES = 1000
"""Durations of one second that its percentiles are taken from, at most."""


class _Second:
    def __init__(self) -> None:
        self.invocations = 0
        self.errors = 0
        self.busy = 0
        self.queue = 0
        self.saves: list[bool] = []
        self.init_ms: float | None = None
        self.durations_ms: list[float] = []


def percentile(values: list[float], part: float) -> float | None:
    """Return the value that so large a part of the sorted values does not exceed."""
    if not values:
        return None
    return round(values[math.ceil(part * len(values)) - 1], 2)


def _after(second: int, now: float) -> int:
    """Return the next second, or that which is now if some have passed unseen."""
    return second + 1 if abs(now - (second + 1)) < 1 else round(now)


class Figures:
    """Counts what happens now, and keeps what a second came to."""

    def __init__(self) -> None:
        self._now = _Second()
        self._busy = 0
        self._at = 0
        self._past: deque[dict[str, object]] = deque(maxlen=SECONDS)

    def ended(self, duration_ms: float, *, failed: bool) -> None:
        """Count an invocation."""
        self._busy -= 1
        now = self._now
        now.invocations += 1
        now.errors += failed
        if len(now.durations_ms) < _SAMPLES:
            now.durations_ms.append(duration_ms)

    def initialised(self, init_ms: float) -> None:
        """Count a cold start."""
        self._now.init_ms = max(init_ms, self._now.init_ms or 0.0)

    def began(self, waiting: int) -> None:
        """Count one more that runs, while so many wait."""
        self._busy += 1
        now = self._now
        now.busy, now.queue = max(now.busy, self._busy), max(now.queue, waiting)

    def saved(self, *, loaded: bool) -> None:
        """Mark that a save was loaded, or could not be."""
        self._now.saves.append(loaded)

    def turn(self, environments: int) -> dict[str, object]:
        """End a second, return what it came to, and begin the next."""
        second, self._now = self._now, _Second()
        self._at = _after(self._at, time.time())
        self._now.busy = self._busy
        durations = sorted(second.durations_ms)
        came_to: dict[str, object] = {
            "at": self._at,
            "invocations": second.invocations,
            "errors": second.errors,
            "p50": percentile(durations, 0.5),
            "p99": percentile(durations, 0.99),
            "init": None if second.init_ms is None else round(second.init_ms, 1),
            "busy": second.busy,
            "queue": second.queue,
            "environments": environments,
            "saves": second.saves,
        }
        self._past.append(came_to)
        return came_to

    def past(self) -> Iterable[dict[str, object]]:
        """Return the seconds that are kept, the oldest first."""
        return list(self._past)
