"""
Coverage of the services, and of test modules that import the service's code.

Tracing the other tests doubles their time and adds nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import coverage

from support.project import REPOSITORY


class CoverageRecorder:
    """Measures every process that is started after its creation."""

    def __init__(self) -> None:
        os.environ["COVERAGE_PROCESS_START"] = str(REPOSITORY / "pyproject.toml")
        self._coverage = coverage.process_startup(force=True)
        self._stop()

    @contextmanager
    def of(self, module: ModuleType) -> Iterator[None]:
        """Measure this process during a test module that imports the service's code."""
        if self._coverage is None or not any(map(_belongs_to_service, vars(module).values())):
            yield
            return
        self._coverage.start()
        yield
        self._stop()

    def _stop(self) -> None:
        if self._coverage is not None:
            self._coverage.stop()


def _belongs_to_service(value: object) -> bool:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(name).startswith("lambda_live.")
