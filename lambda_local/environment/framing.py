"""
The records in what an execution environment writes.

`awslambdaric` frames what goes through `logging` (its `FramedTelemetryLogSink`), so that a record
of many lines stays one; what a function prints is plain lines. One pipe keeps both in order.
"""

from collections.abc import Iterator

_MAGIC = b"\xa5\x5a\x00"
_HEADER = 16
"""Four bytes of type, four of length, eight of time in microseconds, big-endian."""


class Records:
    """Splits a stream of bytes into log records."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each record that is complete, without its last newline."""
        self._pending += data
        while True:
            record, rest = self._next(self._pending)
            if rest is None:
                return
            self._pending = rest
            if record is not None:
                yield record

    def flush(self) -> Iterator[bytes]:
        """Yield what was written of a line that never ended."""
        rest, self._pending = self._pending, b""
        if rest:
            yield rest

    @staticmethod
    def _next(data: bytes) -> tuple[bytes | None, bytes | None]:
        frame = data.find(_MAGIC)
        if frame == 0:
            end = _HEADER + int.from_bytes(data[4:8], "big")
            if len(data) < max(end, _HEADER):
                return None, None
            return data[_HEADER:end].removesuffix(b"\n"), data[end:]
        newline = data.find(b"\n", 0, frame if frame > 0 else None)
        if newline >= 0:
            return data[:newline], data[newline + 1 :]
        if frame > 0:
            return data[:frame], data[frame:]
        return None, None
