"""The watched code: whether it changed, and which code it is."""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import awatch

from lambda_live.code.code_files import CodeFiles, FileStamp, file_stamp, is_code
from lambda_live.code.hash_cache import HashCache
from lambda_live.code.watcher import Watcher

_QUIET_SECONDS = 0.02
"""Seconds without a change after which a save is over; more than a file system's tick (10 ms)."""

_BULK_QUIET_SECONDS = 0.1
"""The same where several files change, as in a `git checkout`."""

_BULK_FILES = 3
_MAX_WAIT_SECONDS = 0.5
"""Seconds that a request waits for a storm's end at most; then what is there is loaded."""

_POLL_SECONDS = 1.0
"""Seconds between two looks where nobody tells of a change: a folder may go and come back."""

_LOGGER = logging.getLogger(__name__)


class WatchedCode:
    """
    The code below some folders of a project, as `CodeFiles` has it.

    A request asks `changed()`, so that no answer is older than the code was when the request came:
    the news of most file systems comes a moment later than that.
    """

    def __init__(self, roots: tuple[Path, ...], project: Path | None = None) -> None:
        self._roots = roots
        self._code_files = {root: CodeFiles(root, project or root) for root in roots}
        self._hashes = {root: HashCache(root.parent) for root in roots}
        self._stamps: dict[str, FileStamp | None] = {}
        self._below: dict[Path, list[tuple[str, FileStamp]]] = {}
        self._watcher = Watcher(_is_relevant)
        self._ignored_files: set[str] = set()
        self.changed_files: dict[str, float] = {}
        """The files that were not as they were known, and when each changed (epoch, seconds)."""
        self.snapshot()

    def snapshot(self) -> int:
        """Know the code as it is on disk; return how many files are not as they were known."""
        before, known, follow = self._stamps, self._files(), self._watcher.follow
        roots = [str(root) for root in self._roots]
        self._watcher.reset(roots)
        found = {
            root: [each for each in shipped.walk(follow) if each[0] not in self._ignored_files]
            for root, shipped in self._code_files.items()
        }
        every = [each for below in found.values() for each in below]
        self._stamps = dict.fromkeys(roots) | {path: stamp for path, _, stamp in every}
        if None in self._stamps.values():
            self._watcher.is_reliable = False
        self._below = {
            root: [(path, stamp) for path, is_file, stamp in below if is_file]
            for root, below in found.items()
        }
        files = self._files()
        changed = {path for path in files if before.get(path) != self._stamps[path]}
        self.changed_files |= {path: stamp[0] / 1e9 for path, _, stamp in every if path in changed}
        return len(changed | known - files)

    def _files(self) -> set[str]:
        return {path for below in self._below.values() for path, _ in below}

    def ignore(self, paths: Iterable[str]) -> None:
        """Take these files for code no more."""
        self._ignored_files.update(paths)
        self.snapshot()

    def has_changed(self) -> bool:
        """
        Whether anything changed on disk since the code was last known.

        It costs one stat a file where the kernel does not say by itself that nothing did.
        """
        if self._watcher.is_unchanged():
            return any(file_stamp(str(root)) != self._stamps[str(root)] for root in self._roots)
        changed = any(file_stamp(path) != stamp for path, stamp in self._stamps.items())
        if not changed:
            self._watcher.acknowledge()
        return changed

    def last_saved_at(self) -> float:
        """Return when the last change was made, in seconds of the epoch."""
        return max((stamp[0] for stamp in self._stamps.values() if stamp), default=0) / 1e9

    async def wait_until_quiet(self) -> str:
        """Wait until a save, or a storm of saves, is over; return the code's hash."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _MAX_WAIT_SECONDS
        self.changed_files = {}
        changes = self.snapshot()
        while True:
            await asyncio.sleep(_QUIET_SECONDS if changes < _BULK_FILES else _BULK_QUIET_SECONDS)
            if not self.has_changed() or loop.time() > end:
                digest = self.sha256()
                if not self.has_changed() or loop.time() > end:
                    return digest
            changes += self.snapshot()

    def sha256(self) -> str:
        """
        Return the hash of the code, the files that are known as they are on disk, in hex.

        It is the SHA-256 of what `sha256sum` prints for the files, sorted by path, seen from the
        watched directory's parent, so that a shell can say which code it means.
        """
        manifest = hashlib.sha256()
        for root, files in self._below.items():
            for line in self._hashes[root].manifest_lines(files):
                manifest.update(line)
        return manifest.hexdigest()

    async def changes(self) -> AsyncIterator[None]:
        """Yield whenever the file system tells of a change that counts."""
        if not self._roots:
            return
        told = asyncio.Event()
        listening = asyncio.create_task(self._listen(told))
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(told.wait(), _POLL_SECONDS)
                told.clear()
                if self.has_changed():
                    yield
        finally:
            listening.cancel()

    async def _listen(self, told: asyncio.Event) -> None:
        try:
            async for _ in self._notifications():
                told.set()
        except Exception as error:  # noqa: BLE001  # watchfiles raises whatever the system has said
            _LOGGER.warning("no news of changes (%s): the code is looked at each second", error)

    def _notifications(self) -> AsyncIterator[object]:
        if self._watcher.is_reliable:
            return self._watcher.notifications()
        return awatch(*self._roots, watch_filter=None, debounce=20, step=10)


def _is_relevant(name: str) -> bool:
    return is_code(name) or name == ".gitignore"
