"""Where the log goes: a descriptor that may be slow, full or closed, which must hold nobody up."""

import errno
import os
import queue
import select
import threading
import time
from collections.abc import Callable

LIMIT = 8 * 2**20
"""Bytes that wait for a reader who does not read; what comes on top of them is dropped."""

_AT_ONCE = 65_536
_PAUSE = 0.1
_GATHERS = 0.005
"""Seconds between two writes: who wakes for each record takes the interpreter from who answers."""

_CLOSED = (errno.EPIPE, errno.EBADF, errno.EIO)  # EIO is a terminal's that was hung up


class Output:
    """
    Writes from a thread of its own, in order.

    `notice` words, as a record, how many were lost; it is written where they are missing.
    """

    def __init__(self, descriptor: int) -> None:
        self.notice: Callable[[int], bytes] = lambda count: b"%d lines were lost\n" % count
        self._descriptor = descriptor
        self._records: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # each number is written by one thread alone, so that a record costs no lock
        self._given = self._dropped = 0
        self._taken = self._unwritten = 0
        self._torn = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def write(self, record: bytes) -> None:
        """Write it when its turn comes; the whole of it or nothing."""
        if self._closed:
            return
        # who fell behind catches up with half of it before anything new: one gap, not many
        limit = LIMIT // 2 if self._dropped else LIMIT
        if self._given - self._taken + len(record) > limit:
            self._dropped += 1
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="output", daemon=True)
            self._thread.start()
        self._tell_dropped()
        self._put(record)

    def close(self, seconds: float) -> None:
        """Write what is left, but wait no longer than that for who does not read."""
        if self._thread is not None:
            self._tell_dropped()
            self._records.put(None)
            self._thread.join(seconds)
        self._closed = True

    def _put(self, record: bytes) -> None:
        self._given += len(record)
        self._records.put(record)

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._put(self.notice(self._dropped))
            self._dropped = 0

    def _run(self) -> None:
        more = True
        while more and not self._closed:
            records, more = self._next()
            data = b"".join(records)
            self._taken += len(data)
            if not self._write_after_notice(data):
                self._unwritten += len(records)
            time.sleep(_GATHERS)

    def _next(self) -> tuple[list[bytes], bool]:
        """Return what waits, about as much as fits in a pipe, and whether more may come."""
        records: list[bytes] = []
        size = 0
        while (record := self._records.get()) is not None:
            records.append(record)
            size += len(record)
            if size >= _AT_ONCE or self._records.empty():
                return records, True
        return records, False

    def _write_after_notice(self, data: bytes) -> bool:
        if self._unwritten:
            notice = self.notice(self._unwritten)
            data = b"\n" * self._torn + notice + data
        if not self._write(data):
            return False
        self._torn, self._unwritten = False, 0
        return True

    def _write(self, data: bytes) -> bool:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # somebody else, who has it too, made it so
                select.select([], [self._descriptor], [], 1.0)
            except OSError as error:
                self._closed = error.errno in _CLOSED
                self._torn = self._torn or 0 < len(left) < len(data)
                time.sleep(_PAUSE)  # a full disk: later records may find room
                return False
        return True
