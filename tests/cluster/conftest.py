"""What the tests share that edit a copy of the repository, with Tilt at work in it."""

import pytest

from tests.support.cluster.workspace import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return the copy that the tests of one module edit; each undoes its edit."""
    return Workspace(tmp_path_factory.mktemp("workspace"))
