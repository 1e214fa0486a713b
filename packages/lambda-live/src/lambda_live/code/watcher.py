"""
What the kernel says of changes in some folders, without a look at each file.

Linux tells of a change as it happens, so who asks after a save is told of it. Elsewhere nothing is
as prompt: there each file is looked at.
"""

import asyncio
import contextlib
import errno
import logging
import os
import sys
import weakref
from collections.abc import AsyncIterator, Callable, Iterable

import psutil

_LOGGER = logging.getLogger(__name__)

_LOCAL_FILE_SYSTEMS = (
    *("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs"),
    *("overlay", "ramfs", "tmpfs", "xfs", "zfs"),
)
"""File systems that nobody changes but this machine's kernel, which therefore knows."""

if sys.platform == "linux":
    from inotify_simple import INotify, flags

    _CHANGES = (
        *(flags.MODIFY, flags.ATTRIB, flags.CREATE, flags.DELETE, flags.DELETE_SELF),
        *(flags.MOVED_FROM, flags.MOVED_TO, flags.MOVE_SELF, flags.ONLYDIR),
    )
    _MASK = sum(_CHANGES)


class Watcher:
    """Knows whether a file that `counts` changed since it was last `reset`; in doubt one did."""

    def __init__(self, is_relevant: Callable[[str], bool]) -> None:
        self._is_relevant = is_relevant
        self._inotify = inotify = _inotify()
        if inotify is not None:
            weakref.finalize(self, inotify.close)
        self._has_event = self._has_warned = False
        self.is_reliable = False

    def reset(self, roots: Iterable[str]) -> None:
        """Forget what was told; what is below the roots is to be followed anew."""
        self.is_reliable = self._inotify is not None and all(map(_is_local, roots))
        self._read_events()
        self._has_event = False

    def follow(self, folder: str) -> None:
        """Hear of changes in a folder, and of its own."""
        if not self.is_reliable or self._inotify is None:
            return
        try:
            self._inotify.add_watch(folder, _MASK)
        except OSError as error:
            self.is_reliable = False
            if error.errno == errno.ENOSPC and not self._has_warned:
                self._has_warned = True
                _LOGGER.warning(
                    "inotify has no watch left for %s: the code is looked at each second;"
                    " sysctl fs.inotify.max_user_watches gives more",
                    folder,
                )

    def is_unchanged(self) -> bool:
        """Whether nothing changed for sure."""
        self._read_events()
        return self.is_reliable and not self._has_event

    def acknowledge(self) -> None:
        """Take it that what was told was no change."""
        self._has_event = False

    def _read_events(self) -> None:
        if self._inotify is not None:
            for event in self._inotify.read(timeout=0):
                self._has_event = self._has_event or self._is_relevant(event.name)

    async def notifications(self) -> AsyncIterator[None]:
        """Yield whenever something is told; who hears it asks whether it was `quiet`."""
        if self._inotify is None:
            return
        told, loop, number = asyncio.Event(), asyncio.get_running_loop(), self._inotify.fileno()
        loop.add_reader(number, told.set)
        try:
            while await told.wait():
                yield
                told.clear()
        finally:
            loop.remove_reader(number)


def _inotify() -> "INotify | None":
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a user may have so many of them and no more
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
