"""Group what would be too many lines: bursts of invocations, and one event in many functions."""

import asyncio
import time
from collections.abc import Callable

from lambda_live.terminal.text import clock, dim, format_duration, red

MAX_INVOCATIONS_PER_SECOND = 10
"""Invocations a second that a person can follow. More are summarized."""

MAX_RECORDS_PER_SECOND = 100
"""Log records a second that a person can follow."""

_INTERVAL_SECONDS = 1.0

_BURST_GAP_SECONDS = 5.0
"""Longest time between two functions of one burst. A busy machine needs some time for each."""


class InvocationThrottle:
    """
    Decides whether an invocation gets a line of its own.

    Above `MAX_INVOCATIONS_PER_SECOND` it counts the invocations, and prints one summary a second.
    """

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print = print_line
        self._timer: asyncio.TimerHandle | None = None
        self._invocations = self._records = 0
        self._durations: list[float] = []
        self._errors = 0
        self._throttled_requests = 0
        self.is_summarizing = False

    def should_show(self, duration_ms: float, records: int, *, failed: bool) -> bool:
        """Return whether to show an invocation and its log records. If not, count it."""
        self._start_interval()
        self.is_summarizing = (
            self.is_summarizing
            or self._invocations >= MAX_INVOCATIONS_PER_SECOND
            or self._records > MAX_RECORDS_PER_SECOND
        )
        self._invocations += 1
        self._records += records
        if self.is_summarizing:
            self._durations.append(duration_ms)
            self._errors += failed
        return not self.is_summarizing

    def count_throttled(self) -> None:
        """Count a request that got a 429."""
        self._start_interval()
        self._throttled_requests += 1

    def _start_interval(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_INTERVAL_SECONDS, self._finish)

    def _finish(self) -> None:
        self._timer = None
        if self._durations:
            self._print(self._summary())
        if count := self._throttled_requests:
            requests = f"{count} request{'s' * (count != 1)}"
            self._print(f"{dim(clock())} {red('✗')} {requests} throttled (429)")
        # summarizing stops only after a second whose invocations all had room
        self.is_summarizing = self._invocations > MAX_INVOCATIONS_PER_SECOND
        self._invocations = self._records = self._errors = self._throttled_requests = 0
        self._durations = []
        if self.is_summarizing:
            self._start_interval()

    def _summary(self) -> str:
        durations = sorted(self._durations)
        p50 = format_duration(durations[len(durations) // 2])
        p99 = format_duration(durations[min(len(durations) - 1, len(durations) * 99 // 100)])
        errors = f"{self._errors} error{'s' * (self._errors != 1)}"
        errors = red(errors) if self._errors else errors
        more = "more " * (self._invocations > len(durations))
        invocations = f"{more}invocation{'s' * (len(durations) != 1)}"
        text = f"{len(durations)} {invocations} · {errors} · p50 {p50} · p99 {p99}"
        return f"{dim(clock())} {dim('≡')} {text}"


class BurstCounter:
    """Counts the functions with the same outcome, as after a save of code that they share."""

    def __init__(self) -> None:
        self._outcome = ""
        self._last = 0.0
        self._functions: set[str] = set()

    def count(self, outcome: str, function: str) -> int:
        """Add a function and return how many functions had this outcome in the burst."""
        now = time.monotonic()
        if outcome != self._outcome or now - self._last > _BURST_GAP_SECONDS:
            self._functions = set()
        self._outcome, self._last = outcome, now
        self._functions.add(function)
        return len(self._functions)
