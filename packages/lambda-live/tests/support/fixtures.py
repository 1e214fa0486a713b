"""Fixtures that start services, for the tests of lambda-live and of the environment."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from support.fork_server import ForkServer
from support.lambda_service import LambdaService, environment
from support.project import RUNS_ITS_EVENT, write_project
from support.service_starter import StartService, starter


@pytest.fixture(scope="session", autouse=True)
def fork_server() -> Iterator[None]:
    """Fork the services of all tests from one process that has done the imports."""
    with closing(ForkServer(environment())) as LambdaService.fork_server:
        yield
    LambdaService.fork_server = None


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaService]:
    """Return a service for all tests that do not change it."""
    project = tmp_path_factory.mktemp("project")
    write_project(project, {"function/__init__.py": "", "function/app.py": RUNS_ITS_EVENT})
    with closing(LambdaService(project)) as service:
        service.wait_until_ready()
        yield service


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[StartService]:
    with ExitStack() as services:
        yield starter(tmp_path, services)


@pytest.fixture(scope="module")
def start_module_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartService]:
    """Like `start_service` for a module; each service gets its own directory."""
    with ExitStack() as services:

        def start(*args: Any, **more: Any) -> LambdaService:
            return starter(tmp_path_factory.mktemp("project"), services)(*args, **more)

        yield start
