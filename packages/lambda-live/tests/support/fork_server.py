"""Start services by fork from `support.fork_server_process`, which has done the imports."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from support.waiting import DEADLINE

_READ_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "MALLOC_", "PROMETHEUS_")
"""Prefixes of variables that Python reads at start, which is too late after a fork."""


class Forked:
    """A process forked by the fork server; it has the interface of `subprocess.Popen`."""

    def __init__(self, status_socket: socket.socket) -> None:
        self.returncode: int | None = None
        self._status_socket = status_socket
        self._lock = threading.Lock()
        self.pid = self._number()

    def _number(self) -> int:
        status = self._status_socket.recv(4, socket.MSG_WAITALL)
        return int.from_bytes(status, "big", signed=True)

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                self._status_socket.settimeout(timeout)
                try:
                    self.returncode = self._number()
                except (BlockingIOError, TimeoutError):
                    raise subprocess.TimeoutExpired(["lambda_live"], timeout or 0) from None
                self._status_socket.close()
            return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


type Started = subprocess.Popen[bytes] | Forked


class ForkServer:
    """The client of the fork server, which starts with the first service."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._control, self._server_socket = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def can_fork(names: Iterable[str]) -> bool:
        """Whether a service with these variables can be forked."""
        return not any(name.startswith(_READ_AT_START) for name in names)

    def environment(self, *, measured: bool) -> dict[str, str]:
        """Return the variables of a service; if `measured`, its processes write coverage."""
        own = () if measured else ("COVERAGE_",)
        return {name: value for name, value in self._environ.items() if not name.startswith(own)}

    def start(
        self,
        directory: Path,
        environ: Mapping[str, str],
        standard: Sequence[int],
        **options: object,
    ) -> Forked:
        """
        Start a service with these standard descriptors.

        `options` are its `arguments`, and optionally `terminal` and values of `constants`.
        """
        status_socket, passed = socket.socketpair()
        with passed, self._lock:
            if self._process is None:
                self._start_process()
            socket.send_fds(self._control, [b"!"], [passed.fileno(), *standard])
        request = {"directory": str(directory), "environ": dict(environ), **options}
        status_socket.sendall(json.dumps(request).encode() + b"\n")
        return Forked(status_socket)

    def _start_process(self) -> None:
        with self._server_socket as control:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "support.fork_server_process", str(control.fileno())],
                cwd="/",
                env=self._environ,
                stdin=subprocess.DEVNULL,
                pass_fds=[control.fileno()],
                process_group=0,
            )

    def close(self) -> None:
        """Stop the fork server, so that it writes its coverage."""
        self._control.close()
        self._server_socket.close()
        if self._process is not None:
            self._process.wait(DEADLINE)
