"""Fixtures of the tests that run Tilt in a copy of the repository."""

import pytest

from tests.cluster.support.workspace import Workspace


class _Failures:
    """Prints each failure at once, because all tests together take a quarter of an hour."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid.startswith("tests/cluster/"):
            self._config.get_terminal_writer().write(f"\n{report.nodeid}\n{report.longreprtext}\n")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_Failures(config))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return the copy that the tests of one module edit. Each test undoes its edit."""
    return Workspace(tmp_path_factory.mktemp("workspace"))
