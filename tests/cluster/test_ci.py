import time

import pytest

from tests.cluster.conftest import CreateWorkspace
from tests.cluster.support.workspace import CODE, TEXT, Workspace

pytestmark = pytest.mark.cluster

LAST_LINES = 40


@pytest.fixture
def workspace(create_workspace: CreateWorkspace) -> Workspace:
    return create_workspace()


def test_ci_of_unchanged_repository_succeeds(workspace: Workspace) -> None:
    ended = workspace.ci()

    assert ended.returncode == 0, ended.stdout
    assert "SUCCESS. All workloads are healthy." in ended.stdout


def test_ci_with_registry_setting_uses_registry_of_cluster(workspace: Workspace) -> None:
    ended = workspace.ci("--registry=registry.example.com/ann")

    assert ended.returncode == 0, ended.stdout
    assert "The setting registry=registry.example.com/ann has no effect" in ended.stdout


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        (CODE, TEXT, "A message came", "A message came"),
        (
            CODE,
            "def lambda_handler",
            'int("nought")\n\n\ndef lambda_handler',  # ruff has nothing against it
            "ValueError",
        ),
        (
            "Dockerfile",
            "COPY packages/lambda-live/src/lambda_live /opt",
            "RUN exit 3\nCOPY packages/lambda-live/src/lambda_live /opt",
            "RUN exit 3",
        ),
    ],
    ids=["failing check", "crash at import", "image that does not build"],
)
def test_ci_that_fails_prints_reason_last_within_a_minute(
    name: str, old: str, new: str, reason: str, workspace: Workspace
) -> None:
    workspace.edit(name, old, new)
    start = time.monotonic()

    ended = workspace.ci()

    assert ended.returncode == 1
    assert reason in "\n".join(ended.stdout.splitlines()[-LAST_LINES:])
    assert time.monotonic() - start < 60
