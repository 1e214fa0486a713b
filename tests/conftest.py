from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_lambda import LocalLambda
from tests.support.starting import StartLambda, starter


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
