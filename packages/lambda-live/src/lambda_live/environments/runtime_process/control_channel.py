"""
The socket between this process and the service.

The service sends one byte to start the load of the handler; this process sends JSON messages. The
kernel closes the service's end however the service ends. This process then kills itself and its
process group: a debugger, a long `import` or a sleeping handler would otherwise keep it alive.

After a timeout the socket also carries the stacks of this process: see `stack_dump.py`.
"""

import contextlib
import faulthandler
import json
import os
import signal
import socket
import threading

STACK_SIGNAL = getattr(signal, "SIGRTMAX", signal.SIGUSR2 + 1) - 1
"""SIGRTMAX - 1, which hardly any program uses. macOS has no such signals: there it is SIGUSR2."""


class ControlChannel:
    """Waits for the start signal, and kills this process when the service has exited."""

    def __init__(self, control: socket.socket, *, is_started: bool) -> None:
        """`is_started` if the service has already sent the signal, before a restart."""
        self._control = control
        self.started = threading.Event()
        if is_started:
            self.started.set()

    def watch(self) -> None:
        """Watch the socket in a thread."""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with contextlib.suppress(ConnectionResetError):  # the service has left a message unread
            if not self.started.is_set() and self._control.recv(1):
                self.started.set()
            self._control.recv(1)
        with contextlib.suppress(OSError):  # the function may have left the process group
            os.killpg(os.getpid(), signal.SIGKILL)  # pragma: no cover  # coverage cannot be written
        os.kill(os.getpid(), signal.SIGKILL)  # pragma: no cover

    def dump_stacks_on_signal(self) -> None:
        """Have STACK_SIGNAL write all stacks to the socket and terminate this process."""
        faulthandler.register(STACK_SIGNAL, self._control, all_threads=True, chain=True)

    def send(self, **fields: object) -> None:
        """Send a message to the service."""
        self._control.send(json.dumps(fields).encode())
