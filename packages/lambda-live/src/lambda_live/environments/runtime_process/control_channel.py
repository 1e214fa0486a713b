"""
The socket between this process and the service.

The service sends one byte to start the load of the handler; this process sends JSON messages. The
kernel closes the service's end however the service ends, so a process that waits exits.

The function must not see a thread that it did not start: gevent cannot patch a process with
threads, and `os.fork` warns. So on Linux nothing here watches for the end of the service later.
The zygote does (see `zygote.py`), and the service's reaper for a process without a zygote. Other
systems have neither, so there a thread watches.

After a timeout the socket also carries the stacks of this process: see `stack_dump.py`.
"""

import contextlib
import faulthandler
import json
import os
import signal
import socket
import sys
import threading

STACK_SIGNAL = getattr(signal, "SIGRTMAX", signal.SIGUSR2 + 1) - 1
"""SIGRTMAX - 1, which hardly any program uses. macOS has no such signals: there it is SIGUSR2."""


class ControlChannel:
    """Waits for the start signal, and sends messages to the service."""

    def __init__(self, control: socket.socket, *, is_started: bool) -> None:
        """`is_started` if the service has already sent the signal, before a restart."""
        self._control = control
        self.is_started = is_started

    def wait_for_start(self) -> None:
        """Return when the service sends the signal; kill this process if the service exits."""
        if not self.is_started:
            self.is_started = self._receive()
        if not self.is_started:
            _kill_group()
        if not sys.platform.startswith("linux"):
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        self._receive()
        _kill_group()

    def _receive(self) -> bool:
        """Return whether a byte arrived, and the service has not exited."""
        with contextlib.suppress(ConnectionResetError):  # the service has left a message unread
            return bool(self._control.recv(1))
        return False

    def dump_stacks_on_signal(self) -> None:
        """Have STACK_SIGNAL write all stacks to the socket and terminate this process."""
        faulthandler.register(STACK_SIGNAL, self._control, all_threads=True, chain=True)

    def send(self, **fields: object) -> None:
        """Send a message to the service."""
        self._control.send(json.dumps(fields).encode())


def _kill_group() -> None:  # pragma: no cover  # coverage cannot be written
    """Kill this process and its process group."""
    with contextlib.suppress(OSError):  # the function may have left the process group
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
