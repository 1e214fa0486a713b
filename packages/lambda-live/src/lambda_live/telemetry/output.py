"""
Write the log to a descriptor that may be slow, full or closed, without blocking the service.

A write to a pipe blocks while nobody reads it, as in a paused terminal. On the event loop, that
would stop all functions. So a thread writes. Records that wait for it are limited to
`MAX_QUEUED_BYTES`; more records are dropped, and a line in their place says how many.
"""

import errno
import os
import queue
import select
import threading
import time
from collections.abc import Callable

MAX_QUEUED_BYTES = 8 * 2**20

_WRITE_SIZE_BYTES = 65_536
_RETRY_SECONDS = 0.1
_WRITE_INTERVAL_SECONDS = 0.005
"""Pause between two writes: a thread that wakes for each record slows down the event loop."""

_CLOSED_ERRORS = (errno.EPIPE, errno.EBADF, errno.EIO)  # EIO: the terminal was closed


class Output:
    """
    Writes records from a thread, in order.

    `format_lost_message` returns the record that reports a number of dropped records.
    """

    def __init__(self, descriptor: int, format_lost_message: Callable[[int], bytes]) -> None:
        self._descriptor = descriptor
        self._format_lost_message = format_lost_message
        self._records: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # each counter has one thread that changes it, so a record needs no lock
        self._queued = self._dropped = 0
        self._written = self._unwritten = 0
        self._partial_line = False
        self._closed = False
        self._thread: threading.Thread | None = None

    def write(self, record: bytes) -> None:
        """Queue a record. It is written as a whole or dropped."""
        if self._closed:
            return
        # after drops, wait until half of the queue is written: one gap instead of many
        limit = MAX_QUEUED_BYTES // 2 if self._dropped else MAX_QUEUED_BYTES
        if self._queued - self._written + len(record) > limit:
            self._dropped += 1
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="output", daemon=True)
            self._thread.start()
        self._report_dropped()
        self._put(record)

    def close(self, timeout_seconds: float) -> None:
        """Write the queued records, but stop waiting after the timeout."""
        if self._thread is not None:
            self._report_dropped()
            self._records.put(None)
            self._thread.join(timeout_seconds)
        self._closed = True

    def _put(self, record: bytes) -> None:
        self._queued += len(record)
        self._records.put(record)

    def _report_dropped(self) -> None:
        if self._dropped:
            self._put(self._format_lost_message(self._dropped))
            self._dropped = 0

    def _run(self) -> None:
        more = True
        while more and not self._closed:
            records, more = self._next_records()
            data = b"".join(records)
            self._written += len(data)
            if not self._write_with_lost_message(data):
                self._unwritten += len(records)
            time.sleep(_WRITE_INTERVAL_SECONDS)

    def _next_records(self) -> tuple[list[bytes], bool]:
        """Return about as many records as fit into a pipe, and whether more may follow."""
        records: list[bytes] = []
        size = 0
        while (record := self._records.get()) is not None:
            records.append(record)
            size += len(record)
            if size >= _WRITE_SIZE_BYTES or self._records.empty():
                return records, True
        return records, False

    def _write_with_lost_message(self, data: bytes) -> bool:
        if self._unwritten:
            message = self._format_lost_message(self._unwritten)
            data = b"\n" * self._partial_line + message + data
        if not self._write(data):
            return False
        self._partial_line, self._unwritten = False, 0
        return True

    def _write(self, data: bytes) -> bool:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # another process made the shared descriptor non-blocking
                select.select([], [self._descriptor], [], 1.0)
            except OSError as error:
                self._closed = error.errno in _CLOSED_ERRORS
                self._partial_line = self._partial_line or 0 < len(left) < len(data)
                time.sleep(_RETRY_SECONDS)  # a full disk may have free space again
                return False
        return True
