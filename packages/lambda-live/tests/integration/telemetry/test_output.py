import json
import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.http import request
from support.lambda_service import INVOKE, environment
from support.project import HANDLER, RUNS_ITS_EVENT, write_project
from support.waiting import DEADLINE, wait_until


class Service:
    """A service with a given standard output. Nothing else reads it."""

    def __init__(self, project: Path, stdout: int, *more: str) -> None:
        write_project(project, {"function/__init__.py": "", "function/app.py": RUNS_ITS_EVENT})
        arguments = [HANDLER, "--port=0", "--admin-port=0", "--timeout=60", *more]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lambda_live", *arguments],
            cwd=project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            start_new_session=True,
        )
        self.url = ""

    def invoke(self, code: str) -> object:
        return request(self.url, "POST", INVOKE, json.dumps({"code": code}).encode()).json()

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(DEADLINE)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    services: list[Service] = []

    def start(stdout: int, *more: str) -> Service:
        services.append(Service(tmp_path, stdout, *more))
        return services[-1]

    yield start
    for service in services:
        service.process.kill()
        service.process.wait()


@pytest.fixture
def piped(start: Callable[..., Service]) -> Iterator[tuple[Service, int]]:
    """A service after its first line, and the pipe, which is not read further."""
    read, write = os.pipe()
    service = start(write)
    os.close(write)
    line = b""
    while not line.endswith(b"\n"):
        assert select.select([read], [], [], DEADLINE)[0]
        line += os.read(read, 1)
    service.url = re.findall(r"answers at (http://\S+\d)", line.decode())[0]
    yield service, read
    os.close(read)


def test_closed_output_does_not_stop_service(piped: tuple[Service, int]) -> None:
    service, read = piped
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, read)
    os.close(nothing)

    for number in range(3):
        assert service.invoke(f"print('not read'); reply = {number}") == number
    assert service.end() == 0


def test_unread_output_does_not_block_and_reports_drops(
    piped: tuple[Service, int],
) -> None:
    service, read = piped
    written = 12_000
    for _ in range(12):
        assert service.invoke("for _ in range(1000): print('x' * 1023)\nreply = 1") == 1

    data = bytearray()

    def find_lost_message() -> re.Match[bytes] | None:
        while select.select([read], [], [], 0.1)[0]:  # it writes again when there is room
            data.extend(os.read(read, 65_536))
        if len(data) > 4 * 2**20:  # otherwise the queue accepts nothing new yet
            service.invoke("print('read')")
        return re.search(rb"(\d+) lines dropped", data)

    lost = wait_until(find_lost_message)
    read_of_them = data.count(b"x" * 1023)
    assert read_of_them < written <= read_of_them + int(lost[1])
    assert service.end() == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_does_not_stop_service(start: Callable[..., Service]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    full = os.open("/dev/full", os.O_WRONLY)
    service = start(full, f"--port={port}")
    os.close(full)
    service.url = f"http://127.0.0.1:{port}"

    def responds() -> bool:
        try:
            return service.invoke("print('x'); reply = 1") == 1
        except OSError:
            return False

    wait_until(responds)
    assert responds()
    assert service.end() == 0
