"""The last minutes in figures, a second each."""

import math
import time
from collections import deque
from collections.abc import Iterable

MAX_SECONDS = 300
"""Seconds that are kept."""

_MAX_SAMPLES_PER_SECOND = 1000
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


def percentile(values: list[float], fraction: float) -> float | None:
    """Return the value that so large a part of the sorted values does not exceed."""
    if not values:
        return None
    return round(values[math.ceil(fraction * len(values)) - 1], 2)


def _next_second(second: int, now: float) -> int:
    """Return the next second, or that which is now if some have passed unseen."""
    return second + 1 if abs(now - (second + 1)) < 1 else round(now)


class LiveStats:
    """Counts what happens now, and keeps what a second came to."""

    def __init__(self) -> None:
        self._current = _Second()
        self._busy = 0
        self._at = 0
        self._seconds: deque[dict[str, object]] = deque(maxlen=MAX_SECONDS)

    def finish_invocation(self, duration_ms: float, *, failed: bool) -> None:
        """Count an invocation."""
        self._busy -= 1
        now = self._current
        now.invocations += 1
        now.errors += failed
        if len(now.durations_ms) < _MAX_SAMPLES_PER_SECOND:
            now.durations_ms.append(duration_ms)

    def add_init(self, init_ms: float) -> None:
        """Count a cold start."""
        self._current.init_ms = max(init_ms, self._current.init_ms or 0.0)

    def start_invocation(self, waiting: int) -> None:
        """Count one more that runs, while so many wait."""
        self._busy += 1
        now = self._current
        now.busy, now.queue = max(now.busy, self._busy), max(now.queue, waiting)

    def add_save(self, *, loaded: bool) -> None:
        """Mark that a save was loaded, or could not be."""
        self._current.saves.append(loaded)

    def tick(self, environments: int) -> dict[str, object]:
        """End a second, return what it came to, and begin the next."""
        second, self._current = self._current, _Second()
        self._at = _next_second(self._at, time.time())
        self._current.busy = self._busy
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
        self._seconds.append(came_to)
        return came_to

    def seconds(self) -> Iterable[dict[str, object]]:
        """Return the seconds that are kept, the oldest first."""
        return list(self._seconds)
