"""The few files, and folders by their entries, that say what the functions are: what changed."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import awatch

from lambda_live.code.code_files import FileStamp, file_stamp
from lambda_live.code.watcher import Watcher

_QUIET_SECONDS = 0.02
"""Seconds without a change after which a save is over; more than a file system's tick (10 ms)."""

_MAX_WAIT_SECONDS = 5.0
"""Seconds after which it is read though it still changes."""


class ConfigFiles:
    """Knows some files as they were; one that is not there may come."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._stamps: dict[Path, FileStamp | None] = {}
        self._names: frozenset[str] = frozenset()
        self._watcher = Watcher(lambda name: name in self._names)
        self._compared = False
        self.set_paths(paths)

    def set_paths(self, paths: Iterable[Path]) -> bool:
        """Know these from now on; return whether any of them is in another folder than before."""
        before, paths = self._stamps, list(paths)
        self._watch(paths)
        self._stamps = {
            path: before[path] if path in before else file_stamp(path) for path in paths
        }
        self._compared = False
        return {path.parent for path in paths} != {path.parent for path in before}

    def _watch(self, paths: Iterable[Path]) -> None:
        folders = {str(path.parent) for path in paths}
        # a folder's own end, or return, is told without a name
        self._names = frozenset(("", *(path.name for path in paths)))
        self._watcher.reset(folders)
        for folder in folders:
            self._watcher.follow(folder)
        if any(path.is_symlink() or path.is_dir() for path in paths):
            self._watcher.is_reliable = False  # what it leads to, or has, changes elsewhere

    def has_changed(self) -> bool:
        """
        Whether one changed since they were last known.

        It costs one stat a file where the kernel does not say by itself that none did.
        """
        if self._watcher.is_unchanged() and self._compared:
            return False
        changed = any(file_stamp(path) != stamp for path, stamp in self._stamps.items())
        self._compared = not changed
        if not changed:
            self._watcher.acknowledge()
        return changed

    async def wait_until_quiet(self) -> None:
        """Return when a save of them is over; from then on they are known."""
        end = asyncio.get_running_loop().time() + _MAX_WAIT_SECONDS
        while True:
            self._watch(self._stamps)
            self._stamps = {path: file_stamp(path) for path in self._stamps}
            await asyncio.sleep(_QUIET_SECONDS)
            if not self.has_changed() or asyncio.get_running_loop().time() > end:
                return

    async def changes(self) -> AsyncIterator[None]:
        """Yield whenever the file system tells of a change of one."""
        async for _ in self._notifications():
            if self.has_changed():
                yield

    def _notifications(self) -> AsyncIterator[object]:
        if self._watcher.is_reliable:
            return self._watcher.notifications()
        within = (path if path.is_dir() else path.parent for path in self._stamps)
        folders = {folder for folder in within if folder.is_dir()}
        return awatch(*folders, watch_filter=None, debounce=20, step=10, recursive=False)
