"""More invocations than a person can follow: told together, once a second."""

import asyncio
from collections.abc import Callable

from lambda_live.terminal.style import clock, dim, milliseconds, red

READABLE = 10
"""Invocations a second that a person can follow."""

_READABLE_RECORDS = 100
_SECOND = 1.0


class Crowd:
    """Decides which invocations are shown one by one; counts the others."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print = print_line
        self._timer: asyncio.TimerHandle | None = None
        self._seen = self._records = 0
        self._folded: list[float] = []
        self._errors = 0
        self._throttled = 0
        self.folding = False

    def admits(self, duration_ms: float, records: int, *, failed: bool) -> bool:
        """Whether this one has a line of its own, and its records; else it is counted."""
        self._begin()
        self.folding = self.folding or self._seen >= READABLE or self._records > _READABLE_RECORDS
        self._seen += 1
        self._records += records
        if self.folding:
            self._folded.append(duration_ms)
            self._errors += failed
        return not self.folding

    def throttled(self) -> None:
        """Count a request that was refused."""
        self._begin()
        self._throttled += 1

    def _begin(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SECOND, self._end)

    def _end(self) -> None:
        self._timer = None
        if self._folded:
            self._print(self._sentence())
        if self._throttled:
            requests = f"{self._throttled} request{'s' * (self._throttled != 1)}"
            self._print(f"{dim(clock())} {red('✗')} {requests} throttled (429)")
        # what is a crowd stays one until a second had room for all of it
        self.folding = self._seen > READABLE
        self._seen = self._records = self._errors = self._throttled = 0
        self._folded = []
        if self.folding:
            self._begin()

    def _sentence(self) -> str:
        durations = sorted(self._folded)
        middle = milliseconds(durations[len(durations) // 2])
        most = milliseconds(durations[min(len(durations) - 1, len(durations) * 99 // 100)])
        errors = f"{self._errors} error{'s' * (self._errors != 1)}"
        errors = red(errors) if self._errors else errors
        more = "more " * (self._seen > len(durations))
        invocations = f"{more}invocation{'s' * (len(durations) != 1)}"
        figures = f"{len(durations)} {invocations} · {errors} · p50 {middle} · p99 {most}"
        return f"{dim(clock())} {dim('≡')} {figures}"
