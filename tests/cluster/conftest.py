"""
Fixtures of the tests that run Tilt in a copy of the repository.

Three workers run the tests side by side, because most of the time they wait: the tests of the
namespace `lambda`, those of monitoring, and the modules that have a namespace of their own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, override

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.cluster.support.workspace import PROJECT, Workspace

DEFAULT_NAMESPACE = ("test_live", "test_faults", "test_scaled", "test_restart")
"""Modules of the namespace `lambda`."""


class _Failures:
    """Prints each failure at once, because all tests together take a quarter of an hour."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid.startswith("tests/cluster/"):
            self._config.get_terminal_writer().write(f"\n{report.nodeid}\n{report.longreprtext}\n")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Put the longest groups first, and first of the others one that has an image of its own.

    A registry rejects a layer with status 500 if two workers push it for the first time at once.
    """
    first = [*DEFAULT_NAMESPACE, "monitoring", "test_resources"]
    items.sort(key=lambda item: _position(item.path, first))


def _position(path: Path, first: list[str]) -> int:
    name = "monitoring" if path.parent.name == "monitoring" else path.stem
    return first.index(name) if name in first else len(first)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return a scheduler that keeps the tests of a group on one worker."""
    return _GroupScheduling(config, log)


class _GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types for it
    @override
    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        if path.parent.name == "monitoring":
            return path.parent.name
        return "lambda" if path.stem in DEFAULT_NAMESPACE else path.stem


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Failures(config))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return the copy that the tests of one module edit. Each test undoes its edit."""
    return Workspace(tmp_path_factory.mktemp("workspace"))


class CreateWorkspace(Protocol):
    """Copies the repository around a project, for a namespace of the module."""

    def __call__(self, project: Path = PROJECT) -> Workspace: ...


@pytest.fixture(scope="module")
def create_workspace(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CreateWorkspace]:
    namespace = Path(str(request.path)).stem.removeprefix("test_")
    created: list[Workspace] = []

    def create(project: Path = PROJECT) -> Workspace:
        created.append(Workspace(tmp_path_factory.mktemp("workspace"), project, namespace))
        return created[-1]

    yield create
    for workspace in created[:1]:
        workspace.delete_namespace()
