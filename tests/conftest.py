import gc
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_lambda import LocalLambda
from tests.support.measuring import Measuring
from tests.support.starting import StartLambda, starter

_MEASURING = pytest.StashKey[Measuring]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--measured", action="store_true", help="Write lambda_local's coverage.")


def pytest_configure(config: pytest.Config) -> None:
    hands_over = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if config.getoption("measured") and not hands_over:
        config.stash[_MEASURING] = Measuring()


def pytest_sessionstart() -> None:
    gc.disable()  # what is collected stays to the end: looking at it took a tenth of a worker's time


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _measured(request: pytest.FixtureRequest) -> Iterator[None]:
    measuring = request.config.stash.get(_MEASURING, None)
    with measuring.of(request.module) if measuring else nullcontext():
        yield


@pytest.fixture
def start_lambda(tmp_path: Path) -> Iterator[StartLambda]:
    with ExitStack() as services:
        yield starter(tmp_path, services)


@pytest.fixture(scope="module")
def start_module_lambda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartLambda]:
    """As `start_lambda`, for a module's tests together, each in a directory of its own."""
    with ExitStack() as services:

        def start(*args: Any, **more: Any) -> LocalLambda:
            return starter(tmp_path_factory.mktemp("project"), services)(*args, **more)

        yield start
