"""
A process that has imported the service, and forks one for each test that asks.

What it forks is as what `python -m lambda_live` runs, after its imports.
"""

import fcntl
import gc
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


class Forker:
    """Waits for those who ask, and tells each how its process ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._callers: dict[int, socket.socket] = {}
        self._ended, self._ends = socket.socketpair()
        self._ended.setblocking(False)  # noqa: FBT003  # as socket has it
        self._ends.setblocking(False)  # noqa: FBT003  # as socket has it
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._ends.fileno())

    def serve(self) -> bool:
        """Fork until nobody can ask any more; return whether this is a process that was forked."""
        while True:
            readable, _, _ = select.select([self._control, self._ended], [], [])
            if self._ended in readable:
                self._ended.recv(4096)
                self._tell_ends()
            if self._control in readable:
                asked, descriptors, _, _ = socket.recv_fds(self._control, 1, 4)
                if not asked:
                    self._end_all()
                    return False
                if self._fork(*descriptors):
                    return True

    def _end_all(self) -> None:
        """End those that are left of tests that have been ended themselves."""
        for pid in self._callers:
            os.kill(pid, signal.SIGKILL)

    def _tell_ends(self) -> None:
        while self._callers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._callers.pop(pid) as caller:
                _tell(caller, os.waitstatus_to_exitcode(status))

    def _fork(self, descriptor: int, *standard: int) -> bool:
        caller = socket.socket(fileno=descriptor)
        if pid := os.fork():
            self._callers[pid] = caller
            _tell(caller, pid)
            for each in standard:
                os.close(each)
            return False
        self._forget()
        _become(caller, standard)
        return True

    def _forget(self) -> None:
        """Let go of all that a process of its own would not have."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in (self._control, self._ended, self._ends, *self._callers.values()):
            each.close()


def _tell(caller: socket.socket, number: int) -> None:
    try:
        caller.send(number.to_bytes(4, "big", signed=True))
    except OSError:  # it has not waited
        return


def _become(caller: socket.socket, standard: tuple[int, ...]) -> None:
    """Be the process that is asked for."""
    with caller, caller.makefile() as file:
        asked = json.loads(file.readline())
    os.setsid()
    os.chdir(asked["directory"])
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    if asked.get("terminal"):
        fcntl.ioctl(1, termios.TIOCSCTTY, 0)
    os.environ.clear()
    os.environ.update(asked["environ"])
    time.tzset()
    sys.argv[1:] = asked["arguments"]
    # of its own, or services that the same process has forked would end each other's processes
    own = {_SERVICE_ID: secrets.token_hex(8)}
    for name, value in ((asked.get("constants") or {}) | own).items():
        module, _, constant = name.rpartition(".")
        setattr(sys.modules[f"lambda_live.{module}"], constant, value)


if __name__ == "__main__":
    forker = Forker(socket.socket(fileno=int(sys.argv[1])))
    sys.argv[0] = str(Path(lambda_live.__file__).with_name("__main__.py"))
    inspect.stack()  # coverage asks it as it begins, and what it found out once is known then
    gc.freeze()  # looking for garbage would write to every page that is shared
    if forker.serve():
        main(sys.argv[1:])
