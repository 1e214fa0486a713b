"""Functions whose code is not in a folder of its own: at the repository's root, or in a CDK app."""

import shutil
from pathlib import Path

import pytest

from support.cdk import function, stage, synthesize
from support.waiting import wait_until
from tests.cluster.support.load import invoke
from tests.cluster.support.workspace import CODE, DEADLINE, TEXT, URL, Tilt, Workspace, pods

pytestmark = pytest.mark.cluster


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    workspace.edit("template.yaml", "CodeUri: greeting/", "CodeUri: .")
    for file in (tmp_path / CODE).parent.iterdir():
        file.rename(tmp_path / file.name)
    return workspace


def test_save_of_function_at_root_is_live_in_running_pod(workspace: Workspace) -> None:
    with Tilt(workspace) as tilt:
        wait_until(lambda: len(pods()) == 1, "the pods of earlier tests are gone", DEADLINE)
        before = pods().keys()

        workspace.edit(Path(CODE).name, TEXT, "A message came")

        wait_until(lambda: b"A message came" in invoke(URL)[1], "the save is live", DEADLINE)
        wait_until(lambda: tilt.statuses()["live"] == "ok", "the pod has the saved code", DEADLINE)
        assert pods().keys() == before


INLINE = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Code": {"ZipFile": "def handler(event, context): return 'inline'"},
        "Handler": "index.handler",
        "Runtime": "python3.12",
    },
}


def test_save_of_cdk_app_is_live_without_synth(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "template.yaml").unlink()
    shutil.rmtree(tmp_path / "events")
    shutil.move(tmp_path / "greeting", tmp_path / "lambda")
    (tmp_path / "lambda/app.py").rename(tmp_path / "lambda/index.py")
    workspace.edit("lambda/index.py", "def lambda_handler", "def handler")
    stack = {"Function1A2B3C4D": function("1", "Stack/function"), "Inline": INLINE}
    synthesize(tmp_path, Stack=stack)
    stage(tmp_path, "lambda", "1")
    with Tilt(workspace) as tilt:
        wait_until(lambda: len(pods()) == 1, "the pods of earlier tests are gone", DEADLINE)
        before = pods().keys()

        workspace.edit("lambda/index.py", TEXT, "A message came")

        wait_until(lambda: b"A message came" in invoke(URL)[1], "the save is live", DEADLINE)
        wait_until(lambda: tilt.statuses()["live"] == "ok", "the pod has the saved code", DEADLINE)
        assert pods().keys() == before
