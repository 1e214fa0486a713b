"""
The cache of installed packages: how long they stay.

A service holds a lock on each directory that it uses. Directories that no process uses are removed,
the longest unused first, if all together are larger than the limit.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from lambda_live.dependencies.cache import cache_dir

MAX_BYTES = 5 * 2**30
"""Limit of the cache's size."""

_MIN_AGE_SECONDS = 86_400.0
"""What was used within this time stays: tests use packages without a lock."""

_held: dict[str, int] = {}


def hold(directory: Path) -> None:
    """Keep a directory until this process exits."""
    if directory.name in _held:
        return
    with contextlib.suppress(OSError):  # a cache that can't be written is not pruned either
        lock = _lock_file(directory)
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.utime(lock)
        _held[directory.name] = descriptor


def prune(max_bytes: int = MAX_BYTES, min_age_seconds: float = _MIN_AGE_SECONDS) -> int:
    """Remove directories until the cache is at most that large; return how many bytes are free."""
    total = freed = 0
    newest_first = sorted(_directories(), key=_last_use, reverse=True)
    for directory in newest_first:
        size = _size(directory)
        total += size
        is_old = time.time() - _last_use(directory) >= min_age_seconds
        if (total > max_bytes or directory.name.startswith("partial-")) and is_old:
            freed += size if _remove(directory) else 0
    return freed


def _directories() -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (each for each in cache_dir("packages").iterdir() if each.is_dir())


def _lock_file(directory: Path) -> Path:
    return cache_dir("locks") / f"{directory.name}.used"


def _last_use(directory: Path) -> float:
    """Return the time of the last use, in seconds since the epoch."""
    for path in (_lock_file(directory), directory):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def _size(directory: Path) -> int:
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118  # pathlib takes twice as long
    return total


def _remove(directory: Path) -> bool:
    """Remove a directory unless a process uses it."""
    lock = _lock_file(directory)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            removed = directory.with_name(f"partial-{directory.name}")
            directory.rename(removed)  # at once, so that no process finds a part of it
            shutil.rmtree(removed, ignore_errors=True)
            lock.unlink(missing_ok=True)
    except OSError:
        return False
    return True
