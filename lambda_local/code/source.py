"""The watched code: whether it changed, and which code it is."""
# ruff: noqa: PTH116  # one stat a file for each request: pathlib would double what that costs

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from watchfiles import awatch

type Stamp = tuple[int, int, int]
"""A file's change time in nanoseconds, size in bytes, and inode; a copy may keep any other time."""

_QUIET = 0.02
"""Seconds without a change after which a save is over; more than a file system's tick (10 ms)."""

_QUIET_STORM = 0.1
"""The same where several files change, as in a `git checkout`."""

_STORM = 3
_LONGEST_STORM = 5.0


_NO_CODE = ("__pycache__", "cdk.out", "node_modules")


def _counts(name: str) -> bool:
    return not (name.startswith(".") or name.endswith(("~", ".pyc")) or name in _NO_CODE)


def _stamp(stat: os.stat_result) -> Stamp:
    return stat.st_ctime_ns, stat.st_size, stat.st_ino


def _stamp_of(path: str) -> Stamp | None:
    try:
        return _stamp(os.stat(path))
    except OSError:
        return None


def _walk(directory: str) -> Iterator[tuple[str, bool, Stamp]]:
    try:
        yield directory, True, _stamp(os.stat(directory))
        entries = list(os.scandir(directory))
    except OSError:
        return
    for entry in entries:
        if not _counts(entry.name):
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path, False, _stamp(entry.stat())
        except OSError:
            continue


class Source:
    """
    The code below some directories, without what is hidden, editors' `*~`, and what tools leave.

    A request asks `changed()`, so that no answer is older than the code was when the request came:
    file system events arrive a moment later than that.
    """

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self._roots = roots
        self._stamps: dict[str, Stamp | None] = {}
        self._files: frozenset[str] = frozenset()
        self.remember()

    def remember(self) -> int:
        """Know the code as it is on disk; return how many files are not as they were known."""
        before = self._stamps
        found = [found for root in self._roots for found in _walk(str(root))]
        self._stamps = dict.fromkeys(map(str, self._roots)) | {
            path: stamp for path, _, stamp in found
        }
        files = frozenset(path for path, is_directory, _ in found if not is_directory)
        changed = {path for path in files if before.get(path) != self._stamps[path]}
        gone, self._files = self._files - files, files
        return len(changed | gone)

    def changed(self) -> bool:
        """Whether anything changed on disk since the last `settled()`; costs one stat a file."""
        return any(_stamp_of(path) != stamp for path, stamp in self._stamps.items())

    def saved_at(self) -> float:
        """Return when the last change was made, in seconds of the epoch."""
        return max((stamp[0] for stamp in self._stamps.values() if stamp), default=0) / 1e9

    async def settled(self) -> str:
        """Wait until a save, or a storm of saves, is over; return the code's hash."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _LONGEST_STORM
        changes = self.remember()
        while True:
            await asyncio.sleep(_QUIET if changes < _STORM else _QUIET_STORM)
            if not self.changed() or loop.time() > end:
                digest = self.sha256()
                if not self.changed() or loop.time() > end:
                    return digest
            changes += self.remember()

    def sha256(self) -> str:
        """
        Return the hash of the code as it is on disk, in hex.

        It is the SHA-256 of what `sha256sum` prints for the files, sorted by path, seen from the
        watched directory's parent, so that a shell can say which code it means.
        """
        manifest = hashlib.sha256()
        for root in self._roots:
            parent = str(root.parent)
            names = sorted(
                os.fsencode(os.path.relpath(path, parent))
                for path, is_directory, _ in _walk(str(root))
                if not is_directory
            )
            for name in names:
                manifest.update(_digest(root.parent / os.fsdecode(name)) + b"  " + name + b"\n")
        return manifest.hexdigest()

    async def changes(self) -> AsyncIterator[None]:
        """Yield whenever the file system tells of a change that counts."""
        if not self._roots:
            return
        async for _ in awatch(*self._roots, watch_filter=None, debounce=20, step=10):
            if self.changed():
                yield


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest().encode()
    except OSError:
        return b""
