"""A process that waits for its start exits when its service does."""

import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from support.lambda_service import environment
from support.waiting import DEADLINE

WAITS = """
import socket, sys
from lambda_live.environments.runtime_process.control_channel import ControlChannel

channel = ControlChannel(socket.socket(fileno=int(sys.argv[1])), is_started=False)
channel.send(ready=True)
channel.wait_for_start()
"""


@pytest.mark.parametrize("read", [True, False])
def test_waiting_process_exits_with_its_service(*, read: bool) -> None:
    ours, its = socket.socketpair()
    with closing(ours), closing(its):
        command = [sys.executable, "-c", WAITS, str(its.fileno())]
        process = subprocess.Popen(
            command, env=environment(), pass_fds=[its.fileno()], process_group=0
        )
        its.close()
        ours.settimeout(DEADLINE)
        ours.recv(1000, 0 if read else socket.MSG_PEEK)

    try:
        assert process.wait(DEADLINE) == -signal.SIGKILL
    finally:
        process.kill()
