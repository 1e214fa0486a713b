"""The code of a function on disk: whether it changed, and its hash."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lambda_live.background import read_in_thread
from lambda_live.code.code_files import CodeFiles, FileStamp, HashCache, file_stamp, is_code
from lambda_live.code.watcher import Watcher

_QUIET_SECONDS = 0.02
"""A save is over after this time without a change; file systems have ticks of up to 10 ms."""

_BULK_QUIET_SECONDS = 0.1
"""The same if several files change, as in a `git checkout`."""

_BULK_FILES = 3
_MAX_WAIT_SECONDS = 0.5
"""A request waits no longer for such a change to be over; then the code as it is gets loaded."""


class WatchedCode:
    """
    The code files in some folders of a project.

    Notifications of most file systems arrive a moment after a change. So each request calls
    `has_changed()`, and never gets a result of code older than the request. If `must_compare_all`,
    a request awaits `compare_all()` instead, because a network drive takes long for many files.
    """

    def __init__(self, roots: tuple[Path, ...], project: Path | None = None) -> None:
        self._roots = roots
        self._code_files = {root: CodeFiles(root, project or root) for root in roots}
        self._hashes = {root: HashCache(root.parent) for root in roots}
        self._stamps: dict[str, FileStamp | None] = {}
        self._files: dict[Path, list[tuple[str, FileStamp]]] = {}
        self._watcher = Watcher(self._is_relevant)
        self._is_read = self._is_scanning = False
        self.ignored_files: set[str] = set()
        """Absolute paths of code files that are not watched."""
        self.changed_files: dict[str, float] = {}
        """The files of the last change, with the time of each in seconds since the epoch."""

    def snapshot(self) -> int:
        """Record the code as it is on disk; return how many files changed since the last time."""
        before, paths_before, follow = self._stamps, self._paths(), self._watcher.follow
        roots = [str(root) for root in self._roots]
        self._watcher.reset(roots)
        found = {
            root: [each for each in files.walk(follow) if each[0] not in self.ignored_files]
            for root, files in self._code_files.items()
        }
        entries = [entry for below in found.values() for entry in below]
        self._stamps = dict.fromkeys(roots) | {path: stamp for path, _, stamp in entries}
        if None in self._stamps.values():
            self._watcher.is_reliable = False
        self._files = {
            root: [(path, stamp) for path, is_file, stamp in below if is_file]
            for root, below in found.items()
        }
        paths = self._paths()
        self._is_read = True
        changed = {path for path in paths if before.get(path) != self._stamps[path]}
        self.changed_files |= {path: s[0] / 1e9 for path, _, s in entries if path in changed}
        return len(changed | paths_before - paths)

    def _paths(self) -> set[str]:
        return {path for files in self._files.values() for path, _ in files}

    async def ignore(self, paths: Iterable[str]) -> str:
        """Ignore these files from now on; return the hash of the others."""
        self.ignored_files.update(paths)
        return await self.read()

    def has_changed(self) -> bool:
        """
        Return whether anything on disk changed since the last snapshot.

        This calls stat for the files that the kernel reports as changed, or for each file if it
        does not report all changes. It returns False during `wait_until_quiet`, which looks itself.
        """
        return self._is_read and not self._is_scanning and self._differs()

    @property
    def must_compare_all(self) -> bool:
        """Whether a comparison calls stat for each file: the kernel does not report all changes."""
        return self._watcher.may_have_missed_changes()

    async def compare_all(self) -> bool:
        """Return whether anything changed since the last snapshot; call stat in a thread."""
        with self._scanning():
            return await read_in_thread(self._differs)

    @contextmanager
    def _scanning(self) -> Iterator[None]:
        self._is_scanning = True
        try:
            yield
        finally:
            self._is_scanning = False

    def _differs(self) -> bool:
        if self._watcher.is_unchanged():
            return any(file_stamp(str(root)) != self._stamps[str(root)] for root in self._roots)
        if not self._watcher.may_have_missed_changes():
            changed = any(map(self._is_changed, tuple(self._watcher.changed)))
        else:
            changed = any(file_stamp(path) != stamp for path, stamp in self._stamps.items())
        if not changed:
            self._watcher.acknowledge()
        return changed

    def _is_changed(self, path: str) -> bool:
        both = (path, path.rpartition("/")[0])  # a new or removed file changes its folder
        return any(file_stamp(each) != self._stamps[each] for each in both if each in self._stamps)

    def _is_relevant(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return is_code(name) or name == ".gitignore" or path in self._stamps

    def last_saved_at(self) -> float:
        """Return the time of the last change, in seconds since the epoch."""
        return max((stamp[0] for stamp in self._stamps.values() if stamp), default=0) / 1e9

    async def read(self) -> str:
        """Read the code in a thread, as it is now; return its hash."""
        with self._scanning():
            await read_in_thread(self.snapshot)
            self.changed_files = {}
            return await read_in_thread(self.sha256)

    async def wait_until_quiet(self) -> str:
        """
        Wait until a save, or a series of saves, is over; return the hash of the code.

        A thread reads the files, because large or many files take seconds.
        """
        with self._scanning():
            if not self._is_read:
                await read_in_thread(self.snapshot)
            return await self._wait_until_quiet()

    async def _wait_until_quiet(self) -> str:
        loop = asyncio.get_running_loop()
        end = loop.time() + _MAX_WAIT_SECONDS
        self.changed_files = {}
        changes = await read_in_thread(self.snapshot)
        while True:
            await asyncio.sleep(_QUIET_SECONDS if changes < _BULK_FILES else _BULK_QUIET_SECONDS)
            if not await read_in_thread(self._differs) or loop.time() > end:
                digest = await read_in_thread(self.sha256)
                if not await read_in_thread(self._differs) or loop.time() > end:
                    return digest
            changes += await read_in_thread(self.snapshot)

    def size(self, folder: Path) -> int:
        """Return the size of the code files in a folder as of the last snapshot, in bytes."""
        start = f"{folder}/"
        files = (each for files in self._files.values() for each in files)
        return sum(stamp[1] for path, stamp in files if path.startswith(start))

    def sha256(self) -> str:
        """
        Return the hash of the code as of the last snapshot, in hex.

        It is the SHA-256 of what `sha256sum` prints for the files, sorted by path and named from
        the watched folder's parent. A shell script can compute the same.
        """
        manifest = hashlib.sha256()
        for root, files in self._files.items():
            for line in self._hashes[root].manifest_lines(files):
                manifest.update(line)
        return manifest.hexdigest()

    async def changes(self) -> AsyncIterator[None]:
        """Yield when the code on disk may have changed, at least once a second."""
        if not self._roots:
            return
        await self._wait_for_scan()  # the first one decides how to watch
        async for _ in self._watcher.wakeups(self._roots, recursive=True):
            await self._wait_for_scan()
            yield

    async def _wait_for_scan(self) -> None:
        while self._is_scanning or not self._is_read:  # noqa: ASYNC110  # it takes milliseconds
            await asyncio.sleep(_QUIET_SECONDS)
