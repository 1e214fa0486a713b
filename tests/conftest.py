from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.local_lambda import LocalLambda, write_project


class StartLambda(Protocol):
    """
    Starts a service that ends with the test, and waits until it is ready.

    The source is that of `function/app.py`, a mapping of files to texts, or a project's directory;
    keyword arguments in capitals are environment variables.
    """

    def __call__(
        self, source: str | Mapping[str, str] | Path, *args: str, ready: bool = True, **more: Any
    ) -> LocalLambda: ...


@pytest.fixture
def start_lambda(tmp_path: Path) -> Iterator[StartLambda]:
    with ExitStack() as services:
        yield starter(tmp_path, services)


@pytest.fixture(scope="module")
def start_module_lambda(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartLambda]:
    """As `start_lambda`, for a module's tests together."""
    with ExitStack() as services:
        yield starter(tmp_path_factory.mktemp("project"), services)


def starter(directory: Path, services: ExitStack) -> StartLambda:
    def start(
        source: str | Mapping[str, str] | Path, *args: str, ready: bool = True, **more: Any
    ) -> LocalLambda:
        project = source if isinstance(source, Path) else directory
        if isinstance(source, str):
            source = {"function/__init__.py": "", "function/app.py": source}
        if not isinstance(source, Path):
            write_project(project, source)
        service = services.enter_context(closing(LocalLambda(project, *args, **more)))
        if ready:
            service.wait_until_ready()
        return service

    return start
