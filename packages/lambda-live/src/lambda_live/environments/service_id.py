"""What this service's processes are known by, and the one that ends them after it."""

import contextlib
import os
import secrets
import subprocess
import sys

from lambda_live.environments import reaper

SERVICE_ID = secrets.token_hex(8)
"""The begin of the names of all of this service's log streams."""

_LINUX = sys.platform.startswith("linux")
_CLOSE_TIMEOUT_SECONDS = 5.0
_INHERITED_VARIABLES = ("LD_LIBRARY_PATH",)


class Reaper:
    """A small process that waits for the end of this one."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; only Linux needs it."""
        if _LINUX:
            self._process = subprocess.Popen(  # noqa: S603  # ours
                [sys.executable, "-I", "-S", reaper.__file__, SERVICE_ID],
                cwd="/",
                env={name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        """Have it end what is left; return when it has."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSE_TIMEOUT_SECONDS)
