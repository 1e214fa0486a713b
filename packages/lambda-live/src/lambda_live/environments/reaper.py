"""
Kill processes that functions started and left behind.

Problem: a function may start processes that leave its process group (`setsid`), so a signal to the
group misses them. A service that is killed with SIGKILL stops nothing at all.

How it works: each environment has a log stream name that no other process on the machine has, in
its variable AWS_LAMBDA_LOG_STREAM_NAME. Descendants inherit the variable. Linux shows the variables
of the user's processes in /proc/PID/environ, so `kill_all` finds them by that name. It is called
with the name of one environment after its exit. This file also runs as a separate process, which
`reaper_client` starts: it outlives the service and then kills every process of that service.

A process may clear its variables. A zygote still finds those that its forks started (see
`runtime_process/zygote.py`), so the reaper process lets zygotes do that before it kills them.

Without it, background processes of functions pile up on the developer's machine. On other systems
than Linux nothing is done: they do not show the variables of other processes.

The file is run by path, and imports little: each start of the service starts it too.

Source: https://man7.org/linux/man-pages/man5/proc_pid_environ.5.html
"""

import contextlib
import os
import signal
import sys
import time

_LINUX = sys.platform.startswith("linux")
_MAX_PASSES = 200
_PAUSE_SECONDS = 0.01

ZYGOTE_STREAM = "0" * 16
"""End of the log stream name of a zygote. No environment has it."""


def kill_all(stream_prefix: str) -> None:
    """Kill every process whose log stream has this prefix; repeat, as they may start others."""
    _signal_until_gone(stream_prefix, signal.SIGKILL)


def _signal_until_gone(stream_prefix: str, number: signal.Signals) -> None:
    for _ in range(_MAX_PASSES if _LINUX else 0):
        pids = _find_processes(f"[$LATEST]{stream_prefix}".encode())
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        time.sleep(_PAUSE_SECONDS)


def _find_processes(stream: bytes) -> list[int]:
    try:
        names = os.listdir("/proc")  # noqa: PTH208  # pathlib takes twice the time
    except OSError:  # no free descriptor; the reaper process tries again after the service
        return []
    return [int(name) for name in names if name.isdecimal() and stream in _variables(name)]


def _variables(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:  # noqa: PTH123  # as above
            return file.read()
    except OSError:
        return b""


def main() -> None:  # pragma: no cover  # coverage is not imported in this process
    """Wait until the service has closed standard input, then kill its processes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    service_id = sys.argv[1]
    # zygotes kill their forks and exit: continue those that are stopped, and wait for all
    _signal_until_gone(f"{service_id}{ZYGOTE_STREAM}", signal.SIGCONT)
    kill_all(service_id)


if __name__ == "__main__":
    main()
