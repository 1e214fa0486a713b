"""
The reaper process of this service.

It waits for the end of a pipe, which the kernel closes however the service ends. See `reaper.py`.
"""

import contextlib
import os
import subprocess
import sys

from lambda_live.environments import reaper, variables

_LINUX = sys.platform.startswith("linux")
_CLOSE_TIMEOUT_SECONDS = 5.0
_INHERITED_VARIABLES = ("LD_LIBRARY_PATH",)


class Reaper:
    """Starts the reaper process, and lets it do its work at the end."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process; on Linux only."""
        if _LINUX:
            self._process = subprocess.Popen(  # noqa: S603  # the arguments are this service's own
                [sys.executable, "-I", "-S", reaper.__file__, variables.SERVICE_ID],
                cwd="/",
                env={name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        """Let the process kill what is left; return when it has finished."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSE_TIMEOUT_SECONDS)
