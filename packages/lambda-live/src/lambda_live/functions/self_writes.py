"""Files that a function writes among its own code, which would reload it without end."""

import time
from collections import deque
from collections.abc import Mapping

from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.listener import Listener

_TIMES = 3
"""Changes in a row, while the function runs, that no person makes."""

_ROW = 5.0
"""Seconds between two of them at most."""

_INIT = 10.0
_SLACK = 0.1
"""Seconds that an environment goes on for before it is frozen, and a file system's tick."""


class SelfWriteDetector(Listener):
    """Tells which changes of files are the function's own; all times are seconds of the epoch."""

    def __init__(self) -> None:
        self._ran: deque[tuple[float, float]] = deque(maxlen=256)
        self._running: dict[str, float] = {}
        self._inits: deque[float] = deque(maxlen=256)
        self._rows: dict[str, list[float]] = {}

    def on_init_start(self, runtime: str) -> None:  # noqa: ARG002  # a listener's
        """Part of Listener."""
        self._inits.append(time.time())

    def on_init_end(self, report: InitReport) -> None:  # noqa: ARG002  # a listener's
        """Part of Listener."""
        if self._inits:
            self._ran.append((self._inits.popleft(), time.time()))

    def on_invocation_start(self, invocation: Invocation) -> None:
        """Part of Listener."""
        self._running[invocation.request_id] = time.time()

    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:  # noqa: ARG002  # a listener's
        """Part of Listener."""
        began = self._running.pop(invocation.request_id, None)
        if began is not None:
            self._ran.append((began, time.time()))

    def written_by_function(self, changed: Mapping[str, float]) -> list[str]:
        """Return those of the files, each with the time of its change, that it writes itself."""
        before = self._rows
        self._rows = {
            path: [*before.get(path, []), moment][-_TIMES:]
            for path, moment in changed.items()
            if not path.endswith(".py") and self._ran_at(moment)
        }
        return [path for path, row in self._rows.items() if _is_close(row)]

    def _ran_at(self, moment: float) -> bool:
        inits = ((began, began + _INIT) for began in self._inits)
        running = ((began, moment) for began in self._running.values())
        return any(
            began - _SLACK <= moment <= ended + _SLACK
            for windows in (self._ran, inits, running)
            for began, ended in windows
        )


def _is_close(row: list[float]) -> bool:
    return len(row) == _TIMES and row[-1] - row[0] < _ROW * (_TIMES - 1)
