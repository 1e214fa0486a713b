"""Memory use of a process and its descendants."""

import os
import sys
from collections.abc import Iterator

import psutil

_LINUX = sys.platform.startswith("linux")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """
    Return the bytes that the process and its descendants use now; 0 after its exit.

    Pages that they share count once.
    """
    if not _LINUX:
        return sum(_resident_by_psutil(pid))
    if family := list(descendants(pid)):
        return sum(map(_proportional_bytes, (pid, *family)))
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE_BYTES if fields else 0


def peak_bytes(pid: int) -> int:
    """
    Return the peak of the process, without its descendants; 0 after its exit.

    Only Linux records the peak. Elsewhere, return the current use.
    """
    if not _LINUX:
        return resident_bytes(pid)
    return _kilobytes(_read(f"/proc/{pid}/status"), b"VmHWM:")


def _proportional_bytes(pid: int) -> int:
    return _kilobytes(_read(f"/proc/{pid}/smaps_rollup"), b"\nPss:")


def _kilobytes(text: bytes, name: bytes) -> int:
    start = text.find(name)
    return int(text[start + len(name) :].split(maxsplit=1)[0]) * 1024 if start >= 0 else 0


def _read(path: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY)  # open() takes twice the time
    except OSError:
        return b""
    try:
        return b"".join(iter(lambda: os.read(file, 8192), b""))  # one read returns 4 KB of children
    except OSError:
        return b""
    finally:
        os.close(file)


def descendants(pid: int) -> Iterator[int]:
    """Yield the pids of a process's children, and of all processes below them, at any depth."""
    pending = [pid]
    while pending:
        parent = pending.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")  # noqa: PTH208  # pathlib is slower, and this runs 20 times a second
        except OSError:
            continue
        for thread in threads:
            children = [*map(int, _read(f"/proc/{parent}/task/{thread}/children").split())]
            yield from children
            pending += children


def _resident_by_psutil(pid: int) -> Iterator[int]:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return
    for each in family:
        try:
            yield int(each.memory_info().rss)
        except psutil.Error:
            continue
