"""Python interpreters that run functions."""

import platform
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An executable and its version, such as `3.12.1`."""

    executable: str
    version: str

    @property
    def runtime(self) -> str:
        """AWS's name of the runtime, such as `python3.12`."""
        return "python" + self.version.rpartition(".")[0]


SERVICE_INTERPRETER = Interpreter(sys.executable, platform.python_version())
"""The interpreter that runs this service."""
