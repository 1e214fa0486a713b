"""
Log records in the output of an execution environment.

`awslambdaric` writes a record of `logging` as a frame (`FramedTelemetryLogSink`), so a record with
several lines stays one record. Everything else, such as `print`, is plain lines. Both arrive on one
pipe, which keeps their order.
"""

from collections.abc import Iterator

MAX_RECORD_BYTES = 2**20
"""Longer records are split (CloudWatch Logs quotas, "Event size")."""

_MAGIC = b"\xa5\x5a\x00"
_HEADER_BYTES = 16
"""Type (4 bytes), length (4) and time in microseconds (8), big-endian."""


class LogRecordParser:
    """
    Splits a stream of bytes into log records.

    It scans each byte once, and buffers at most one record: a line may never end.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._searched = 0
        self._frame_bytes_left: int | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each complete record, without its last newline."""
        self._pending += data
        more = True
        while more:
            if self._frame_bytes_left is None:
                yield from self._lines()
                more = self._header()
            else:
                content = self._content(self._frame_bytes_left)
                more = content is not None
                if content is not None:
                    yield content

    def flush(self) -> Iterator[bytes]:
        """Yield the rest, a line without a newline."""
        rest = self._take(len(self._pending))
        self._frame_bytes_left = None
        if rest:
            yield rest

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines before the next frame; the last may lack a newline."""
        frame = self._pending.find(_MAGIC, self._searched)
        newline = self._pending.rfind(b"\n", self._searched, frame if frame >= 0 else None)
        if newline >= 0:
            for line in self._take(newline + 1)[:-1].split(b"\n"):
                yield from _pieces(line)
            frame -= newline + 1 if frame >= 0 else 0
        if frame > 0:
            yield from _pieces(self._take(frame))
        while frame < 0 and len(self._pending) >= MAX_RECORD_BYTES + len(_MAGIC):
            yield self._take(MAX_RECORD_BYTES)
        self._searched = 0 if frame >= 0 else max(0, len(self._pending) - len(_MAGIC) + 1)

    def _header(self) -> bool:
        """Read the header of a frame, if there is a complete one here."""
        if len(self._pending) < _HEADER_BYTES or not self._pending.startswith(_MAGIC):
            return False
        self._frame_bytes_left = int.from_bytes(self._take(_HEADER_BYTES)[4:8], "big")
        return True

    def _content(self, left: int) -> bytes | None:
        size = min(left, MAX_RECORD_BYTES)
        if len(self._pending) < size:
            return None
        self._frame_bytes_left = left - size or None
        content = self._take(size)
        return content.removesuffix(b"\n") if left == size else content

    def _take(self, size: int) -> bytes:
        taken = bytes(self._pending[:size])
        del self._pending[:size]
        self._searched = 0
        return taken


def _pieces(line: bytes) -> Iterator[bytes]:
    yield line[:MAX_RECORD_BYTES]
    for start in range(MAX_RECORD_BYTES, len(line), MAX_RECORD_BYTES):
        yield line[start : start + MAX_RECORD_BYTES]
