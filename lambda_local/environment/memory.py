"""How much memory a process uses."""

import os
import sys
from pathlib import Path

import psutil

_LINUX = sys.platform.startswith("linux")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pid: int) -> int:
    """Bytes of memory that the process has in use now; 0 when it is gone."""
    try:
        if _LINUX:
            return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * _PAGE
        return int(psutil.Process(pid).memory_info().rss)
    except (OSError, IndexError, psutil.Error):
        return 0


def peak(pid: int) -> int:
    """
    Bytes of memory that the process had in use at most; 0 when it is gone.

    Only Linux remembers the peak; elsewhere this is what it uses now.
    """
    if not _LINUX:
        return resident(pid)
    try:
        file = os.open(f"/proc/{pid}/status", os.O_RDONLY)  # half of what open() costs each time
    except OSError:
        return 0
    try:
        status = os.read(file, 8192)
    except OSError:
        return 0
    finally:
        os.close(file)
    start = status.find(b"VmHWM:")
    return int(status[start + 6 :].split(maxsplit=1)[0]) * 1024 if start >= 0 else 0
