"""Statistics of the last five minutes, one entry for each second."""

import math
import time
from collections import deque

MAX_SECONDS = 300
_MAX_SAMPLES_PER_SECOND = 1000
"""Durations from which the percentiles of a second are computed."""


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
    """Return the smallest of the sorted values that covers this fraction of them."""
    if not values:
        return None
    return round(values[math.ceil(fraction * len(values)) - 1], 2)


def _next_second(second: int, now: float) -> int:
    """Return the next second, or the current one if the clock has jumped."""
    return second + 1 if abs(now - (second + 1)) < 1 else round(now)


class LiveStats:
    """Counts what happens in the current second, and keeps the results of the past ones."""

    def __init__(self) -> None:
        self._current = _Second()
        self._busy = 0
        self._timestamp = 0
        self._seconds: deque[dict[str, object]] = deque(maxlen=MAX_SECONDS)

    def start_invocation(self, waiting: int) -> None:
        """Count a started invocation, and how many requests are waiting."""
        self._busy += 1
        current = self._current
        current.busy = max(current.busy, self._busy)
        current.queue = max(current.queue, waiting)

    def finish_invocation(self, duration_ms: float, *, failed: bool) -> None:
        """Count a finished invocation."""
        self._busy -= 1
        current = self._current
        current.invocations += 1
        current.errors += failed
        if len(current.durations_ms) < _MAX_SAMPLES_PER_SECOND:
            current.durations_ms.append(duration_ms)

    def add_init(self, init_ms: float) -> None:
        """Add a cold start. Of several in a second, the slowest counts."""
        self._current.init_ms = max(init_ms, self._current.init_ms or 0.0)

    def add_save(self, *, loaded: bool) -> None:
        """Mark a save, and whether its code could be loaded."""
        self._current.saves.append(loaded)

    def tick(self, environments: int) -> dict[str, object]:
        """Finish the current second and return its results."""
        second, self._current = self._current, _Second()
        self._timestamp = _next_second(self._timestamp, time.time())
        self._current.busy = self._busy
        durations = sorted(second.durations_ms)
        result: dict[str, object] = {
            "timestamp": self._timestamp,
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
        self._seconds.append(result)
        return result

    def seconds(self) -> list[dict[str, object]]:
        """Return the past seconds, oldest first."""
        return list(self._seconds)
