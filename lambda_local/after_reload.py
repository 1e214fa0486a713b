"""The command that a developer wants run at start and after each reload, such as the checks."""

import asyncio
import contextlib
import os
import signal
import subprocess

from lambda_local.telemetry.listener import Listener
from lambda_local.telemetry.report import Load


class AfterReload(Listener):
    """Runs one command at a time; a new reload ends the run that was for the old code."""

    def __init__(self, command: str | None, url: str) -> None:
        self._command = command
        self._url = url
        self._process: subprocess.Popen[bytes] | None = None

    def code_loaded(self, load: Load) -> None:
        """Start the command, and end the one that still runs."""
        self.stop()
        if self._command is None:
            return
        own = {"LAMBDA_LOCAL_URL": self._url, "LAMBDA_LOCAL_CODE_SHA256": load.code_sha256}
        self._process = subprocess.Popen(  # noqa: S602  # the developer's own command line
            self._command,
            shell=True,
            stdin=subprocess.DEVNULL,
            env=os.environ | own,
            process_group=0,
        )
        asyncio.get_running_loop().run_in_executor(None, self._process.wait)

    def stop(self) -> None:
        """End the run that is under way, if one is."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
        self._process = None
