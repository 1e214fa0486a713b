"""The watched code: whether it changed, and which code it is."""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from watchfiles import awatch

from lambda_live.code.code_files import Shipped, Stamp, counts, stamp_of
from lambda_live.code.hash_cache import Sums
from lambda_live.code.watcher import Watcher

_QUIET = 0.02
"""Seconds without a change after which a save is over; more than a file system's tick (10 ms)."""

_QUIET_STORM = 0.1
"""The same where several files change, as in a `git checkout`."""

_STORM = 3
_LONGEST_STORM = 0.5
"""Seconds that a request waits for a storm's end at most; then what is there is loaded."""

_POLL = 1.0
"""Seconds between two looks where nobody tells of a change: a folder may go and come back."""

_LOGGER = logging.getLogger(__name__)


class Source:
    """
    The code below some folders of a project, as `Shipped` has it.

    A request asks `changed()`, so that no answer is older than the code was when the request came:
    the news of most file systems comes a moment later than that.
    """

    def __init__(self, roots: tuple[Path, ...], project: Path | None = None) -> None:
        self._roots = roots
        self._shipped = {root: Shipped(root, project or root) for root in roots}
        self._sums = {root: Sums(root.parent) for root in roots}
        self._stamps: dict[str, Stamp | None] = {}
        self._below: dict[Path, list[tuple[str, Stamp]]] = {}
        self._watcher = Watcher(_counts)
        self._disregarded: set[str] = set()
        self.changes_known: dict[str, float] = {}
        """The files that were not as they were known, and when each changed (epoch, seconds)."""
        self.remember()

    def remember(self) -> int:
        """Know the code as it is on disk; return how many files are not as they were known."""
        before, known, follow = self._stamps, self._files(), self._watcher.follow
        roots = [str(root) for root in self._roots]
        self._watcher.reset(roots)
        found = {
            root: [each for each in shipped.walk(follow) if each[0] not in self._disregarded]
            for root, shipped in self._shipped.items()
        }
        every = [each for below in found.values() for each in below]
        self._stamps = dict.fromkeys(roots) | {path: stamp for path, _, stamp in every}
        if None in self._stamps.values():
            self._watcher.trusted = False
        self._below = {
            root: [(path, stamp) for path, is_file, stamp in below if is_file]
            for root, below in found.items()
        }
        files = self._files()
        changed = {path for path in files if before.get(path) != self._stamps[path]}
        self.changes_known |= {path: stamp[0] / 1e9 for path, _, stamp in every if path in changed}
        return len(changed | known - files)

    def _files(self) -> set[str]:
        return {path for below in self._below.values() for path, _ in below}

    def disregard(self, paths: Iterable[str]) -> None:
        """Take these files for code no more."""
        self._disregarded.update(paths)
        self.remember()

    def changed(self) -> bool:
        """
        Whether anything changed on disk since the code was last known.

        It costs one stat a file where the kernel does not say by itself that nothing did.
        """
        if self._watcher.quiet():
            return any(stamp_of(str(root)) != self._stamps[str(root)] for root in self._roots)
        changed = any(stamp_of(path) != stamp for path, stamp in self._stamps.items())
        if not changed:
            self._watcher.hush()
        return changed

    def saved_at(self) -> float:
        """Return when the last change was made, in seconds of the epoch."""
        return max((stamp[0] for stamp in self._stamps.values() if stamp), default=0) / 1e9

    async def settled(self) -> str:
        """Wait until a save, or a storm of saves, is over; return the code's hash."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _LONGEST_STORM
        self.changes_known = {}
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
        Return the hash of the code, the files that are known as they are on disk, in hex.

        It is the SHA-256 of what `sha256sum` prints for the files, sorted by path, seen from the
        watched directory's parent, so that a shell can say which code it means.
        """
        manifest = hashlib.sha256()
        for root, files in self._below.items():
            for line in self._sums[root].lines(files):
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
                    await asyncio.wait_for(told.wait(), _POLL)
                told.clear()
                if self.changed():
                    yield
        finally:
            listening.cancel()

    async def _listen(self, told: asyncio.Event) -> None:
        try:
            async for _ in self._tidings():
                told.set()
        except Exception as error:  # noqa: BLE001  # watchfiles raises whatever the system has said
            _LOGGER.warning("no news of changes (%s): the code is looked at each second", error)

    def _tidings(self) -> AsyncIterator[object]:
        if self._watcher.trusted:
            return self._watcher.tidings()
        return awatch(*self._roots, watch_filter=None, debounce=20, step=10)


def _counts(name: str) -> bool:
    return counts(name) or name == ".gitignore"
