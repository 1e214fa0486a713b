"""Start services that stop with a test, or with a module's tests."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Protocol

from support.lambda_service import LambdaService
from support.project import write_project


class StartService(Protocol):
    """
    Starts a service that stops with the test, and waits until it is ready.

    `source` is the text of `function/app.py`, a mapping of file names to texts, or the directory of
    a project. Keyword arguments in capitals are environment variables.
    """

    def __call__(
        self, source: str | Mapping[str, str] | Path, *args: str, ready: bool = True, **more: Any
    ) -> LambdaService: ...


def starter(directory: Path, services: ExitStack) -> StartService:
    def start(
        source: str | Mapping[str, str] | Path, *args: str, ready: bool = True, **more: Any
    ) -> LambdaService:
        project = source if isinstance(source, Path) else directory
        if isinstance(source, str):
            source = {"function/__init__.py": "", "function/app.py": source}
        if not isinstance(source, Path):
            write_project(project, source)
        service = services.enter_context(closing(LambdaService(project, *args, **more)))
        if ready:
            service.wait_until_ready()
        return service

    return start
