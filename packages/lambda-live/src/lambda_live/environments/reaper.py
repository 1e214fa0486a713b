"""
Ends what functions have started and left, also when this service can do so no more.

What is killed outright ends nothing itself, and a process group is not all that a function may
start: its processes are known by the log stream in the variables that they began with. Only Linux
shows those of others. Run by path, as a process that outlives the service by a moment, it imports
nothing of the service, and little else: each start of the service starts it, too.
"""

import contextlib
import os
import signal
import sys
import time

_LINUX = sys.platform.startswith("linux")
_MAX_PASSES = 200
_PAUSE_SECONDS = 0.01


def kill_all(mark: str) -> None:
    """End every process whose log stream's name has the mark; again, while some still start."""
    for _ in range(_MAX_PASSES if _LINUX else 0):
        left = _find_processes(f"[$LATEST]{mark}".encode())
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE_SECONDS)


def _find_processes(mark: bytes) -> list[int]:
    try:
        names = os.listdir("/proc")  # noqa: PTH208  # half the time
    except OSError:  # no descriptor is free: the end of the service finds the same ones
        return []
    return [int(name) for name in names if name.isdecimal() and mark in _variables(name)]


def _variables(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123  # as above
            return file.read()
    except OSError:
        return b""


def main() -> None:  # pragma: no cover  # nothing is imported that could count
    """Wait until nobody has the other end of standard input, then end what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    kill_all(sys.argv[1])


if __name__ == "__main__":
    main()
