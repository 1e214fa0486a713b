"""
Find out from the kernel whether files changed, without a stat of each file.

A request after a save must get the new code. Most notifications come a moment too late for that,
and a stat of each file on each request is slow in a large project. Linux queues an inotify event
before the write returns. An empty queue therefore proves that nothing changed, if the files are on
a local file system. In all other cases `is_reliable` is False, and the caller compares the files.

Source: https://man7.org/linux/man-pages/man7/inotify.7.html
"""

import asyncio
import contextlib
import errno
import logging
import os
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import psutil
from watchfiles import awatch

from lambda_live.code.code_files import warn_once

_POLL_SECONDS = 1.0
"""Interval of checks without notifications: a watched folder may be removed and come back."""

_EVERYTHING = ""
"""The path in `changed` after which any file may have changed."""

_LOGGER = logging.getLogger(__name__)

_LOCAL_FILE_SYSTEMS = (
    *("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs"),
    *("overlay", "ramfs", "tmpfs", "xfs", "zfs"),
)
"""File systems that only this machine's kernel changes, so that inotify sees each change."""

if sys.platform == "linux":
    from inotify_simple import INotify, flags

    _CHANGES = (
        *(flags.MODIFY, flags.ATTRIB, flags.CREATE, flags.DELETE, flags.DELETE_SELF),
        *(flags.MOVED_FROM, flags.MOVED_TO, flags.MOVE_SELF, flags.ONLYDIR),
    )
    _MASK = sum(_CHANGES)


class Watcher:
    """
    Detects changes of relevant files in the folders that it follows.

    `is_reliable` is False if it may miss a change. `changed` has the paths of the changes.
    """

    def __init__(self, is_relevant: Callable[[str], bool]) -> None:
        """`is_relevant` gets the path of a changed file or folder."""
        self._is_relevant = is_relevant
        self._folders: dict[int, set[str]] = {}
        self.changed: set[str] = set()
        self._inotify = inotify = _open_inotify()
        if inotify is not None:
            weakref.finalize(self, inotify.close)
        self._has_warned = False
        self.is_reliable = False

    def reset(self, roots: Iterable[str]) -> None:
        """Drop all events; the caller follows the folders below the roots again."""
        self.is_reliable = self._inotify is not None and all(map(_is_local, roots))
        self._read_events()
        self.changed.clear()
        self._folders.clear()

    def follow(self, folder: str) -> None:
        """Watch a folder, but not those in it."""
        if not self.is_reliable or self._inotify is None:
            return
        try:
            watch = self._inotify.add_watch(folder, _MASK)
            self._folders.setdefault(watch, set()).add(folder)
        except OSError as error:
            self.is_reliable = False
            if error.errno == errno.ENOSPC and not self._has_warned:
                self._has_warned = True
                _LOGGER.warning(
                    "no inotify watch left for %s: checking the code every second;"
                    " increase sysctl fs.inotify.max_user_watches",
                    folder,
                )

    def is_unchanged(self) -> bool:
        """Return True if nothing changed for certain."""
        self._read_events()
        return self.is_reliable and not self.changed

    def may_have_missed_changes(self) -> bool:
        """Return whether `changed` may lack a path."""
        self._read_events()
        return not self.is_reliable or _EVERYTHING in self.changed

    def acknowledge(self) -> None:
        """Drop the events so far: the caller has found no change."""
        self.changed.clear()

    def _read_events(self) -> None:
        if self._inotify is None:
            return
        for event in self._inotify.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                self.changed.add(_EVERYTHING)
            for folder in self._folders.get(event.wd, ()):
                path = f"{folder.rstrip('/')}/{event.name}" if event.name else folder
                if self._is_relevant(path):
                    self.changed.add(path)

    async def wakeups(self, folders: Iterable[Path], *, recursive: bool) -> AsyncIterator[None]:
        """Yield when something may have changed, at least once a second."""
        notified = asyncio.Event()
        listening = asyncio.create_task(self._listen(notified, folders, recursive=recursive))
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(notified.wait(), _POLL_SECONDS)
                notified.clear()
                yield
        finally:
            listening.cancel()

    async def _listen(
        self, notified: asyncio.Event, folders: Iterable[Path], *, recursive: bool
    ) -> None:
        try:
            if self.is_reliable:
                events: AsyncIterator[object] = self._notifications()
            else:
                events = awatch(
                    *folders, watch_filter=None, debounce=20, step=10, recursive=recursive
                )
            async for _ in events:
                notified.set()
        except Exception as error:  # noqa: BLE001  # watchfiles raises any error of the system
            warn_once(f"file watching failed ({error}): checking the files every second")

    async def _notifications(self) -> AsyncIterator[None]:
        if self._inotify is None:
            return
        loop, descriptor = asyncio.get_running_loop(), self._inotify.fileno()
        readable = asyncio.Event()
        loop.add_reader(descriptor, readable.set)
        try:
            while await readable.wait():
                yield
                readable.clear()
        finally:
            loop.remove_reader(descriptor)


def _open_inotify() -> "INotify | None":
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # the number per user is limited
            return INotify(nonblocking=True)
    return None


def _is_local(folder: str) -> bool:
    path = os.path.realpath(folder)
    mounted = [
        each
        for each in psutil.disk_partitions(all=True)
        if path == each.mountpoint or path.startswith(each.mountpoint.rstrip("/") + "/")
    ]
    kind = max(mounted, key=lambda each: len(each.mountpoint)).fstype if mounted else ""
    return kind in _LOCAL_FILE_SYSTEMS
