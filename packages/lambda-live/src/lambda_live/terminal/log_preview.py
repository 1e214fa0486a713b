"""What an invocation writes to its log: kept for its line, or shown at once if that takes long."""

import asyncio
from collections.abc import Callable, Iterable

from lambda_live.terminal.records import lines_of, of_runtime
from lambda_live.terminal.style import dim

MOST = 50
"""Records of an invocation, and of each second of one that takes long, that are shown."""

_SECOND = 1.0
"""Seconds after which what an invocation writes is shown while it runs."""


class Written:
    """Keeps as much as a person can follow, and counts the rest."""

    def __init__(self, begin: Callable[[], None], show: Callable[[Iterable[str]], None]) -> None:
        """`begin` is called before anything is shown of an invocation that takes long."""
        self._begin = begin
        self._show = show
        self._records: list[bytes] = []
        self._room = MOST
        self._left_out = 0
        self._slow = False
        self._timer = asyncio.get_running_loop().call_later(_SECOND, self._turn)

    def __len__(self) -> int:
        """Return how many records wait for the invocation's line."""
        return len(self._records)

    def add(self, record: bytes) -> None:
        """Take one record."""
        if self._room == 0:
            self._left_out += 1
            return
        self._room -= 1
        if not self._slow:
            self._records.append(record)
        elif not of_runtime(record):
            self._show(shown([record]))

    def _turn(self) -> None:
        if not self._slow:
            self._slow = True
            self._begin()
        self._show(self._take(of_runtime_too=True))
        self._room = MOST
        self._timer = asyncio.get_running_loop().call_later(_SECOND, self._turn)

    def end(self, *, failed: bool) -> list[str]:
        """Return what was not shown yet; of an error, without what AWS's client says of it."""
        self._timer.cancel()
        return self._take(of_runtime_too=not failed)

    def _take(self, *, of_runtime_too: bool) -> list[str]:
        records, self._records = self._records, []
        left_out, self._left_out = self._left_out, 0
        lines = shown(each for each in records if of_runtime_too or not of_runtime(each))
        return [*lines, dim(f"  … {left_out:,} more lines")] if left_out else lines


def shown(records: Iterable[bytes]) -> list[str]:
    """Return records as the lines below an invocation's."""
    return [dim(f"  {line}") for record in records for line in lines_of(record)]
