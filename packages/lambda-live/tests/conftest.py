import gc
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from support.coverage_recorder import CoverageRecorder
from support.fixtures import fork_server, service, start_module_service, start_service

__all__ = ["fork_server", "service", "start_module_service", "start_service"]

_MEASURING = pytest.StashKey[CoverageRecorder]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--measured", action="store_true", help="Write lambda_live's coverage.")


def pytest_configure(config: pytest.Config) -> None:
    hands_over = config.getoption("numprocesses", None) and not hasattr(config, "workerinput")
    if config.getoption("measured") and not hands_over:
        config.stash[_MEASURING] = CoverageRecorder()


def pytest_sessionstart() -> None:
    gc.disable()  # collected items live to the end; the garbage collector took a tenth of the time


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def _measured(request: pytest.FixtureRequest) -> Iterator[None]:
    measuring = request.config.stash.get(_MEASURING, None)
    with measuring.of(request.module) if measuring else nullcontext():
        yield
