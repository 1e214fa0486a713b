from pathlib import Path

import pytest

from support.waiting import wait_until
from tests.cluster.support.load import invoke
from tests.cluster.support.workspace import (
    CODE,
    DEADLINE,
    TEXT,
    URL,
    Tilt,
    Workspace,
    output,
    pods,
)

pytestmark = pytest.mark.cluster


def test_edit_undone_between_two_runs_of_tilt_is_undone_in_pod(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    code = workspace.read(CODE)
    with Tilt(workspace):
        workspace.edit(CODE, TEXT, "A message came")
        wait_until(lambda: b"A message came" in invoke(URL)[1], "the edit is live", DEADLINE)

    workspace.write(CODE, code)

    with Tilt(workspace):
        assert TEXT.encode() in invoke(URL)[1]


def test_tilt_without_scaled_leaves_one_pod(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with Tilt(workspace, "--scaled"):
        wait_until(lambda: len(pods()) > 1, "several pods run", DEADLINE)

    with Tilt(workspace):
        wait_until(lambda: len(pods()) == 1, "one pod runs", DEADLINE)
        autoscalers = output("kubectl", "--namespace", "lambda", "get", "hpa", "--output", "name")
        assert autoscalers == ""
