"""Functions whose code is not in a folder of its own: at the repository's root, or in a CDK app."""

import shutil
from pathlib import Path

import pytest

from support.cdk import function, stage, synthesize
from support.waiting import wait_until
from tests.cluster.conftest import CreateWorkspace
from tests.cluster.support.workspace import CODE, DEADLINE, TEXT, Tilt, Workspace

pytestmark = pytest.mark.cluster


@pytest.fixture
def workspace(create_workspace: CreateWorkspace) -> Workspace:
    workspace = create_workspace()
    workspace.edit("template.yaml", "CodeUri: greeting/", "CodeUri: .")
    for file in (workspace.directory / CODE).parent.iterdir():
        file.rename(workspace.directory / file.name)
    return workspace


def response(workspace: Workspace) -> bytes:
    """Return the response, empty while Tilt forwards the port to no pod yet."""
    try:
        return workspace.invoke()
    except ConnectionRefusedError:
        return b""


def test_save_of_function_at_root_is_live_in_running_pod(workspace: Workspace) -> None:
    with Tilt(workspace) as tilt:
        wait_until(
            lambda: len(workspace.pods()) == 1, "the pods of earlier tests are gone", DEADLINE
        )
        before = workspace.pods().keys()

        workspace.edit(Path(CODE).name, TEXT, "A message came")

        wait_until(lambda: b"A message came" in response(workspace), "the save is live", DEADLINE)
        wait_until(lambda: tilt.statuses()["live"] == "ok", "the pod has the saved code", DEADLINE)
        assert workspace.pods().keys() == before


INLINE = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Code": {"ZipFile": "def handler(event, context): return 'inline'"},
        "Handler": "index.handler",
        "Runtime": "python3.12",
    },
}


def test_save_of_cdk_app_is_live_without_synth(create_workspace: CreateWorkspace) -> None:
    workspace = create_workspace()
    folder = workspace.directory
    (folder / "template.yaml").unlink()
    shutil.rmtree(folder / "events")
    shutil.move(folder / "greeting", folder / "lambda")
    (folder / "lambda/app.py").rename(folder / "lambda/index.py")
    workspace.edit("lambda/index.py", "def lambda_handler", "def handler")
    stack = {"Function1A2B3C4D": function("1", "Stack/function"), "Inline": INLINE}
    synthesize(folder, Stack=stack)
    stage(folder, "lambda", "1")
    with Tilt(workspace) as tilt:
        wait_until(
            lambda: len(workspace.pods()) == 1, "the pods of earlier tests are gone", DEADLINE
        )
        before = workspace.pods().keys()

        workspace.edit("lambda/index.py", TEXT, "A message came")

        wait_until(lambda: b"A message came" in response(workspace), "the save is live", DEADLINE)
        wait_until(lambda: tilt.statuses()["live"] == "ok", "the pod has the saved code", DEADLINE)
        assert workspace.pods().keys() == before
