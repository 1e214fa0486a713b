from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.forks import Forks
from tests.support.local_lambda import LocalLambda, environment
from tests.support.project import RUNS_ITS_EVENT, write_project


@pytest.fixture(scope="session", autouse=True)
def forks() -> Iterator[None]:
    """Let services be forked that are no different from those that are not."""
    with closing(Forks(environment())) as LocalLambda.forks:
        yield
    LocalLambda.forks = None


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalLambda]:
    """One service for all tests that leave it as they found it."""
    project = tmp_path_factory.mktemp("project")
    write_project(project, {"function/__init__.py": "", "function/app.py": RUNS_ITS_EVENT})
    with closing(LocalLambda(project)) as service:
        service.wait_until_ready()
        yield service
