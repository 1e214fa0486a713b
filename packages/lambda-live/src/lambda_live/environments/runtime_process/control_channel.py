"""The socket to the service, which says when to begin."""

import contextlib
import json
import os
import signal
import socket
import threading


class ControlChannel:
    """Waits for the service's word; ends this process, and what it started, with the service."""

    def __init__(self, control: socket.socket, *, begun: bool) -> None:
        self._control = control
        self.started = threading.Event()
        if begun:
            self.started.set()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        with contextlib.suppress(ConnectionResetError):  # it has not read what it was told
            if not self.started.is_set() and self._control.recv(1):
                self.started.set()
            self._control.recv(1)
        with contextlib.suppress(OSError):  # it may be in a group of another's
            os.killpg(os.getpid(), signal.SIGKILL)  # pragma: no cover  # nobody is left to tell
        os.kill(os.getpid(), signal.SIGKILL)  # pragma: no cover

    def send(self, **what: object) -> None:
        """Say something to the service."""
        self._control.send(json.dumps(what).encode())
