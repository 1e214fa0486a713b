"""Start and stop of the measured servers."""

import contextlib
import http.client
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_START_TIMEOUT_SECONDS = 30.0
_STOP_TIMEOUT_SECONDS = 5.0


class StartError(Exception):
    """The server did not start in time."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    pid: int

    def resident_bytes(self) -> int:
        """Return the resident memory of this process, without its children."""
        return int(psutil.Process(self.pid).memory_info().rss)


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def is_listening(port: int) -> bool:
    """Whether the port accepts connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def is_ready(port: int, path: str) -> bool:
    """Whether a GET request gets status 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def run_server(
    command: Sequence[str],
    port: int,
    ready: Callable[[], bool],
    *,
    cwd: Path,
    env: Mapping[str, str],
) -> Iterator[Server]:
    """Run a command for the duration of the block. Raises StartError, with its output."""
    log = cwd / f"{port}.log"
    with log.open("wb") as output:
        process = psutil.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        _wait(process, ready, log)
        yield Server(port, process.pid)
    finally:
        _stop(process)


def _wait(process: psutil.Popen, ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise StartError(f"{process.args}: {log.read_text()[-2000:]}")  # noqa: EM102, TRY003  # the message is its output
        time.sleep(0.01)


def _stop(process: psutil.Popen) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        process.terminate()
        _, left = psutil.wait_procs(family, timeout=_STOP_TIMEOUT_SECONDS)
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait()
