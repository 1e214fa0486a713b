"""The last invocations, and the saves between them, in memory."""

import itertools
import time
from collections import deque
from collections.abc import Iterator

from lambda_live.ui.broadcaster import Broadcaster
from lambda_live.ui.rows import InvocationRow, Row

MAX_INVOCATIONS = 1000
MAX_BYTES = 32 * 2**20
"""Bytes that may be kept of all bodies together."""

_MAX_ROWS = 2 * MAX_INVOCATIONS


def unique_ids() -> Iterator[int]:
    """
    Return numbers that no service before this one has given.

    A page that is still open asks by those that it knows. They begin with the microseconds of the
    epoch, which JavaScript holds.
    """
    return itertools.count(time.time_ns() // 1000)


class History:
    """Forgets the oldest when there are too many, or when they are too large together."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster
        self._rows: deque[Row] = deque()
        self._by_id: dict[int, Row] = {}
        self._ids = unique_ids()
        self._invocations = 0
        self._bytes = 0

    def __iter__(self) -> Iterator[Row]:
        """The newest first."""
        return reversed(list(self._rows))

    def new_id(self) -> int:
        """Return the number of the next row."""
        return next(self._ids)

    def get(self, number: int) -> Row | None:
        """Return the row of that number, while it is kept."""
        return self._by_id.get(number)

    def find_request(self, request_id: str) -> InvocationRow | None:
        """Return the last try of a request."""
        for row in reversed(self._rows):
            if isinstance(row, InvocationRow) and row.request_id == request_id:
                return row
        return None

    def invocations(self) -> Iterator[InvocationRow]:
        """The newest first."""
        return (row for row in self if isinstance(row, InvocationRow))

    def add(self, row: Row) -> None:
        """Keep it, and show it to whoever watches."""
        self._rows.append(row)
        self._by_id[row.id] = row
        self._count(row, 1)
        while self._is_over_limit() and len(self._rows) > 1:
            oldest = self._rows.popleft()
            del self._by_id[oldest.id]
            self._count(oldest, -1)
        self._broadcaster.publish_row(row)

    def _is_over_limit(self) -> bool:
        too_many = self._invocations > MAX_INVOCATIONS or len(self._rows) > _MAX_ROWS
        return too_many or self._bytes > MAX_BYTES

    def _count(self, row: Row, by: int) -> None:
        self._invocations += by * isinstance(row, InvocationRow)
        self._bytes += by * row.size
