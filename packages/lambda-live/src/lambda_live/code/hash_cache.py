"""What `sha256sum` prints for files, without reading again what did not change since."""

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path

from lambda_live.code.code_files import FileStamp

_TIMESTAMP_RESOLUTION_NS = 100_000_000
"""Nanoseconds after which a second change of a file gets another time; file systems take 10 ms."""


class HashCache:
    """Knows the files by their names as they are seen from one folder."""

    def __init__(self, folder: Path) -> None:
        self._above = str(folder).rstrip("/") + "/"
        self._read: dict[str, tuple[FileStamp, bytes]] = {}

    def manifest_lines(self, files: Iterable[tuple[str, FileStamp]]) -> list[bytes]:
        """Return a line for each file, by path and stamp, in the order of their names' bytes."""
        before, self._read = self._read, {}
        found = sorted((os.fsencode(path.removeprefix(self._above)), path, s) for path, s in files)
        return [self._line(name, path, stamp, before.get(path)) for name, path, stamp in found]

    def _line(
        self, name: bytes, path: str, stamp: FileStamp, known: tuple[FileStamp, bytes] | None
    ) -> bytes:
        if known is None or known[0] != stamp:
            settled = time.time_ns() - stamp[0] > _TIMESTAMP_RESOLUTION_NS
            line = _digest(path) + b"  " + name + b"\n"
            if not settled:  # it may change once more, and keep its stamp
                return line
            known = (stamp, line)
        self._read[path] = known
        return known[1]


def _digest(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # pathlib doubles what it costs
            return hashlib.sha256(file.read()).hexdigest().encode()
    except OSError:
        return b""
