from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from support.project import write_project
from support.terminal import Start, TerminalService


def _starter(directory: Path, services: ExitStack) -> Start:
    def start(source: str, *args: str, **more: Any) -> TerminalService:
        write_project(directory, {"function/__init__.py": "", "function/app.py": source})
        service = services.enter_context(closing(TerminalService(directory, *args, **more)))
        service.wait_for("loaded in|does not load")
        return service

    return start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a service for one test and wait until its code is loaded or fails to load."""
    with ExitStack() as services:
        yield _starter(tmp_path, services)


@pytest.fixture(scope="module")
def start_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Like `start`, for all tests of a module, each service in its own directory."""
    with ExitStack() as services:

        def start(*args: str, **more: Any) -> TerminalService:
            return _starter(tmp_path_factory.mktemp("project"), services)(*args, **more)

        yield start
