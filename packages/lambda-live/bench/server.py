"""A server under measurement: its process, its start and its end."""

import contextlib
import http.client
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_START_LIMIT = 30.0
_STOP_LIMIT = 5.0


class NotStartedError(Exception):
    """The server did not become ready."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready."""

    port: int
    pid: int

    def memory(self) -> int:
        """Bytes resident, of this process without those that it started."""
        return int(psutil.Process(self.pid).memory_info().rss)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def listens(port: int) -> bool:
    """Whether the port takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def running(
    command: Sequence[str],
    port: int,
    ready: Callable[[], bool],
    *,
    cwd: Path,
    env: Mapping[str, str],
) -> Iterator[Server]:
    """Run the command while the block runs. Raises NotStartedError, with what it wrote."""
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
    deadline = time.monotonic() + _START_LIMIT
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStartedError(f"{process.args}: {log.read_text()[-2000:]}")  # noqa: EM102, TRY003  # its own words are the message
        time.sleep(0.01)


def _stop(process: psutil.Popen) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        process.terminate()
        _, left = psutil.wait_procs(family, timeout=_STOP_LIMIT)
        for one in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait()
