"""Fixtures that start services, for the tests of lambda-live and of the environment."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from support.forks import Forks
from support.local_lambda import LocalLambda, environment
from support.project import RUNS_ITS_EVENT, write_project
from support.starting import StartLambda, starter


@pytest.fixture(scope="session", autouse=True)
def forks() -> Iterator[None]:
    """Fork the services of all tests from one process that has done the imports."""
    with closing(Forks(environment())) as LocalLambda.forks:
        yield
    LocalLambda.forks = None


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalLambda]:
    """Return a service for all tests that do not change it."""
    project = tmp_path_factory.mktemp("project")
    write_project(project, {"function/__init__.py": "", "function/app.py": RUNS_ITS_EVENT})
    with closing(LocalLambda(project)) as service:
        service.wait_until_ready()
        yield service


@pytest.fixture
def start_lambda(tmp_path: Path) -> Iterator[StartLambda]:
    with ExitStack() as services:
        yield starter(tmp_path, services)


@pytest.fixture(scope="module")
def start_module_lambda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartLambda]:
    """Like `start_lambda` for a module; each service gets its own directory."""
    with ExitStack() as services:

        def start(*args: Any, **more: Any) -> LocalLambda:
            return starter(tmp_path_factory.mktemp("project"), services)(*args, **more)

        yield start
