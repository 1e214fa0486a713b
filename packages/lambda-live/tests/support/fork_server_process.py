"""
The fork server: it has imported the service, and forks a process for each request.

Importing the service takes longer than most tests. A forked process is like one that runs
`python -m lambda_live`, after the imports. `support.fork_server` sends the requests.
"""

import fcntl
import gc
import importlib
import inspect
import json
import os
import secrets
import select
import signal
import socket
import sys
import termios
import time
from pathlib import Path

import lambda_live
from lambda_live.cli.serve import main

_SERVICE_ID = "environments.variables.SERVICE_ID"


class ForkServerProcess:
    """Forks for each request, and sends the exit status of each process to its requester."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._callers: dict[int, socket.socket] = {}
        self._child_exited, self._wakeup = socket.socketpair()
        self._child_exited.setblocking(False)  # noqa: FBT003  # as socket has it
        self._wakeup.setblocking(False)  # noqa: FBT003  # as socket has it
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup.fileno())

    def serve(self) -> bool:
        """Fork until the control socket is closed; return whether this is a forked process."""
        while True:
            readable, _, _ = select.select([self._control, self._child_exited], [], [])
            if self._child_exited in readable:
                self._child_exited.recv(4096)
                self._report_exits()
            if self._control in readable:
                message, descriptors, _, _ = socket.recv_fds(self._control, 1, 4)
                if not message:
                    self._kill_all()
                    return False
                if self._fork(*descriptors):
                    return True

    def _kill_all(self) -> None:
        """Kill the processes of tests that were killed themselves."""
        for pid in self._callers:
            os.kill(pid, signal.SIGKILL)

    def _report_exits(self) -> None:
        while self._callers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._callers.pop(pid) as caller:
                _send_number(caller, os.waitstatus_to_exitcode(status))

    def _fork(self, descriptor: int, *standard: int) -> bool:
        caller = socket.socket(fileno=descriptor)
        if pid := os.fork():
            self._callers[pid] = caller
            _send_number(caller, pid)
            for each in standard:
                os.close(each)
            return False
        self._close_inherited()
        _become(caller, standard)
        return True

    def _close_inherited(self) -> None:
        """Close what only the fork server needs."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in (self._control, self._child_exited, self._wakeup, *self._callers.values()):
            each.close()


def _send_number(caller: socket.socket, number: int) -> None:
    try:
        caller.send(number.to_bytes(4, "big", signed=True))
    except OSError:  # the requester has exited
        return


def _become(caller: socket.socket, standard: tuple[int, ...]) -> None:
    """Set up the forked process as requested."""
    with caller, caller.makefile() as file:
        request = json.loads(file.readline())
    os.setsid()
    os.chdir(request["directory"])
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if request.get("terminal"):
        fcntl.ioctl(1, termios.TIOCSCTTY, 0)
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    sys.argv[1:] = request["arguments"]
    # an id for each service: with the same one, they would kill each other's processes
    own = {_SERVICE_ID: secrets.token_hex(8)}
    for name, value in ((request.get("constants") or {}) | own).items():
        module, _, constant = name.rpartition(".")
        setattr(importlib.import_module(f"lambda_live.{module}"), constant, value)


if __name__ == "__main__":
    forker = ForkServerProcess(socket.socket(fileno=int(sys.argv[1])))
    sys.argv[0] = str(Path(lambda_live.__file__).with_name("__main__.py"))
    inspect.stack()  # coverage calls it at start; its cache is shared
    gc.freeze()  # a garbage collection would write to every shared page
    if forker.serve():
        main(sys.argv[1:])
