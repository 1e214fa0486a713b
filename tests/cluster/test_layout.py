"""A function whose code is the whole repository, as in the first examples of SAM."""

import shutil
from pathlib import Path

import pytest

from tests.support.cluster.load import invoke
from tests.support.cluster.workspace import CODE, DEADLINE, TEXT, URL, Tilt, Workspace, pods
from tests.support.waiting import wait_until

pytestmark = pytest.mark.cluster


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.edit("template.yaml", "CodeUri: greeting/", "CodeUri: .")
    for file in (tmp_path / CODE).parent.iterdir():
        file.rename(tmp_path / file.name)
    shutil.rmtree(tmp_path / "bench")  # ruff looks at it, too, and it imports what is not here
    return workspace


def test_a_save_of_it_is_live_in_the_pod_that_is_there(workspace: Workspace) -> None:
    with Tilt(workspace) as tilt:
        wait_until(lambda: len(pods()) == 1, "what another Tilt has left is gone", DEADLINE)
        before = pods().keys()

        workspace.edit(Path(CODE).name, TEXT, "A message came")

        wait_until(lambda: b"A message came" in invoke(URL)[1], "the save is live", DEADLINE)
        wait_until(lambda: tilt.statuses()["live"] == "ok", "both have the same code", DEADLINE)
        assert pods().keys() == before
