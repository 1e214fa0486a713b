"""What ends a process with its service, where nobody else does."""

import signal
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from support.local_lambda import environment
from support.waiting import DEADLINE

WAITS = """
import socket, sys
from lambda_live.environments.runtime_process.control_channel import ControlChannel

gate = ControlChannel(socket.socket(fileno=int(sys.argv[1])), is_started=False)
gate.watch()
gate.send(ready=True)
gate.started.wait()
"""


@pytest.mark.parametrize("read", [True, False])
def test_a_process_that_waits_ends_with_its_service_though_that_has_not_read_all(
    *, read: bool
) -> None:
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
