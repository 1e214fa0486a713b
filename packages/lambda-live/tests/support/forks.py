"""Services without the time that their imports take: a process that has them done forks each."""

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
"""The begins of the names of variables that a fork would be too late for."""


class Forked:
    """A process that another one has forked, as `subprocess.Popen` has its own."""

    def __init__(self, told: socket.socket) -> None:
        self.returncode: int | None = None
        self._told = told
        self._lock = threading.Lock()
        self.pid = self._number()

    def _number(self) -> int:
        told = self._told.recv(4, socket.MSG_WAITALL)
        return int.from_bytes(told, "big", signed=True)

    def poll(self) -> int | None:
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                self._told.settimeout(timeout)
                try:
                    self.returncode = self._number()
                except (BlockingIOError, TimeoutError):
                    raise subprocess.TimeoutExpired(["lambda_live"], timeout or 0) from None
                self._told.close()
            return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


type Started = subprocess.Popen[bytes] | Forked


class Forks:
    """The process that forks; it begins with the first service that is asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._control, self._its = socket.socketpair()
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def can(names: Iterable[str]) -> bool:
        """Whether a service may be forked that is given variables of these names."""
        return not any(name.startswith(_READ_AT_START) for name in names)

    def environment(self, *, measured: bool) -> dict[str, str]:
        """Return the variables of a service; what it starts is only to be `measured` by these."""
        own = () if measured else ("COVERAGE_",)
        return {name: value for name, value in self._environ.items() if not name.startswith(own)}

    def start(
        self, directory: Path, environ: Mapping[str, str], standard: Sequence[int], **how: object
    ) -> Forked:
        """
        Have one with these as its standard descriptors.

        Its `arguments` are needed; it may have a `terminal`, and other values for `constants`.
        """
        ours, its = socket.socketpair()
        with its, self._lock:
            if self._process is None:
                self._begin()
            socket.send_fds(self._control, [b"!"], [its.fileno(), *standard])
        asked = {"directory": str(directory), "environ": dict(environ), **how}
        ours.sendall(json.dumps(asked).encode() + b"\n")
        return Forked(ours)

    def _begin(self) -> None:
        with self._its as control:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "support.forker", str(control.fileno())],
                cwd="/",
                env=self._environ,
                stdin=subprocess.DEVNULL,
                pass_fds=[control.fileno()],
                process_group=0,
            )

    def close(self) -> None:
        """End it, so that its coverage is written."""
        self._control.close()
        self._its.close()
        if self._process is not None:
            self._process.wait(DEADLINE)
