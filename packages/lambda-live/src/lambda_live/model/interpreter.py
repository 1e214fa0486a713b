"""A Python that runs a function."""

import platform
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interpreter:
    """Its version is of three numbers, as `3.12.1`."""

    executable: str
    version: str

    @property
    def runtime(self) -> str:
        """AWS's name for it, as `python3.12`."""
        return "python" + self.version.rpartition(".")[0]


SERVICE_INTERPRETER = Interpreter(sys.executable, platform.python_version())
"""The one that runs this service."""
