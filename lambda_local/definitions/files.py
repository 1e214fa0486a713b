"""The few files that say what the functions are: whether one of them changed."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import awatch

_QUIET = 0.02
"""Seconds without a change after which a save is over; more than a file system's tick (10 ms)."""

_LONGEST = 5.0
"""Seconds after which it is read though it still changes."""

type _Stamp = tuple[int, int, int] | None


def _stamp(path: Path) -> _Stamp:
    try:
        stat = os.stat(path)  # noqa: PTH116  # each request asks
    except OSError:
        return None
    return stat.st_ctime_ns, stat.st_size, stat.st_ino


class Files:
    """Knows some files as they were; one that is not there may come."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._stamps = {path: _stamp(path) for path in paths}

    def follow(self, paths: Iterable[Path]) -> bool:
        """Know these from now on; return whether any of them is in another folder than before."""
        before = self._stamps
        self._stamps = {path: before[path] if path in before else _stamp(path) for path in paths}
        return {path.parent for path in self._stamps} != {path.parent for path in before}

    def changed(self) -> bool:
        """Whether one changed since they were last known; costs one stat a file."""
        return any(_stamp(path) != stamp for path, stamp in self._stamps.items())

    async def settled(self) -> None:
        """Return when a save of them is over; from then on they are known."""
        end = asyncio.get_running_loop().time() + _LONGEST
        while True:
            self._stamps = {path: _stamp(path) for path in self._stamps}
            await asyncio.sleep(_QUIET)
            if not self.changed() or asyncio.get_running_loop().time() > end:
                return

    async def changes(self) -> AsyncIterator[None]:
        """Yield whenever the file system tells of a change of one."""
        folders = {path.parent for path in self._stamps if path.parent.is_dir()}
        if not folders:
            return
        async for _ in awatch(*folders, watch_filter=None, debounce=20, step=10, recursive=False):
            if self.changed():
                yield
