"""Some files, such as those of the configuration: whether one changed."""

# ruff: noqa: ASYNC240, PTH112, PTH114  # stat is fast; pathlib raises for a folder without permissions

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from pathlib import Path

from lambda_live.background import read_in_thread
from lambda_live.code.code_files import FileStamp, file_stamp
from lambda_live.code.watcher import Watcher

_QUIET_SECONDS = 0.02
"""A save is over after this time without a change; file systems have ticks of up to 10 ms."""

_MAX_WAIT_SECONDS = 5.0
"""Files that keep changing are read after this time."""


class WatchedFiles:
    """A few files, and folders by their entries, that are watched; they need not exist."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._stamps: dict[Path, FileStamp | None] = {}
        self._names: frozenset[str] = frozenset()
        self._watcher = Watcher(lambda path: path in self._names)
        self._is_compared = False
        self.set_paths(paths)

    def set_paths(self, paths: Iterable[Path]) -> bool:
        """Watch these files; return whether that changes the set of their folders."""
        before, paths = self._stamps, list(paths)
        self._watch(paths)
        self._stamps = {
            path: before[path] if path in before else file_stamp(path) for path in paths
        }
        self._is_compared = False
        return {path.parent for path in paths} != {path.parent for path in before}

    def _watch(self, paths: Iterable[Path]) -> None:
        folders = frozenset(str(path.parent) for path in paths)
        # inotify reports the removal or return of a folder, too
        self._names = folders | frozenset(map(str, paths))
        self._watcher.reset(folders)
        for folder in folders:
            self._watcher.follow(folder)
        if any(os.path.islink(path) or os.path.isdir(path) for path in paths):
            self._watcher.is_reliable = False  # the target, or an entry, is in another folder

    def has_changed(self) -> bool:
        """
        Return whether a file changed since the last call of `wait_until_quiet`.

        This calls stat for each file, unless the kernel guarantees that nothing changed.
        """
        if self._watcher.is_unchanged() and self._is_compared:
            return False
        self._is_compared = not _differ(self._stamps)
        if self._is_compared:
            self._watcher.acknowledge()
        return not self._is_compared

    async def has_changed_now(self) -> bool:
        """Return the same, but call stat in a thread if a request would do so for each file."""
        if not self._watcher.may_have_missed_changes():
            return self.has_changed()
        return await read_in_thread(partial(_differ, self._stamps))

    async def wait_until_quiet(self) -> None:
        """Wait until a save is over, and record the files as they are then."""
        end = asyncio.get_running_loop().time() + _MAX_WAIT_SECONDS
        while True:
            self._watch(self._stamps)
            self._stamps = {path: file_stamp(path) for path in self._stamps}
            await asyncio.sleep(_QUIET_SECONDS)
            if not self.has_changed() or asyncio.get_running_loop().time() > end:
                return

    async def changes(self) -> AsyncIterator[None]:
        """Yield after each change of a file."""
        all_folders = (path if os.path.isdir(path) else path.parent for path in self._stamps)
        folders = {folder for folder in all_folders if os.path.isdir(folder)}
        async for _ in self._watcher.wakeups(folders, recursive=False):
            if await self.has_changed_now():
                yield


def _differ(stamps: Mapping[Path, FileStamp | None]) -> bool:
    return any(file_stamp(path) != stamp for path, stamp in stamps.items())
