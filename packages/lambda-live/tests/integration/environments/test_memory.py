import os
import signal
import subprocess
import sys

import pytest

from lambda_live.environments import memory
from support.waiting import wait_until


@pytest.fixture
def exited_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


@pytest.fixture(params=[True, False], ids=["linux", "elsewhere"])
def _platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param and not memory._LINUX:
        pytest.skip("needs /proc")
    monkeypatch.setattr(memory, "_LINUX", request.param)


@pytest.mark.usefixtures("_platform")
def test_running_process_uses_memory() -> None:
    block = bytearray(20 * 2**20)

    assert memory.resident_bytes(os.getpid()) > len(block)
    assert memory.peak_bytes(os.getpid()) > len(block)


@pytest.mark.skipif(not memory._LINUX, reason="needs /proc")
def test_descendants_include_more_children_than_one_read_returns() -> None:
    code = "import os, signal\nfor _ in range(800):\n if not os.fork(): signal.pause()\ninput()"
    parent = subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        wait_until(lambda: len(list(memory.descendants(parent.pid))) == 800)
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()


@pytest.mark.usefixtures("_platform")
def test_exited_process_uses_no_memory(exited_pid: int) -> None:
    assert memory.resident_bytes(exited_pid) == 0
    assert memory.peak_bytes(exited_pid) == 0
