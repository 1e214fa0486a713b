"""A cluster that two developers share, each with a namespace."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.waiting import wait_until
from tests.cluster.support.load import Load, invoke
from tests.cluster.support.workspace import (
    CODE,
    DEADLINE,
    TEXT,
    Tilt,
    Workspace,
    free_port,
    output,
)

pytestmark = pytest.mark.cluster


@dataclass(frozen=True)
class Developer:
    """A developer with a namespace."""

    workspace: Workspace
    tilt: Tilt
    url: str

    def answer(self) -> Any:
        return json.loads(invoke(self.url)[1])["body"]


@pytest.fixture(scope="module")
def developers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Developer, Developer]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(developer_in("ann", tmp_path_factory.mktemp("ann"))),
            stack.enter_context(developer_in("ben", tmp_path_factory.mktemp("ben"))),
        )


@contextmanager
def developer_in(namespace: str, directory: Path) -> Iterator[Developer]:
    workspace = Workspace(directory)
    workspace.write("tilt_config.json", json.dumps({"namespace": namespace}))
    port = free_port()
    ports = {"FUNCTION_PORT": str(port), "LAMBDA_LIVE_ADMIN_PORT": str(free_port())}
    try:
        with Tilt(workspace, **ports) as tilt:
            yield Developer(workspace, tilt, f"http://127.0.0.1:{port}")
    finally:
        output("kubectl", "delete", "namespace", namespace, "--ignore-not-found")


def test_save_of_one_developer_does_not_change_function_of_other(
    developers: tuple[Developer, Developer],
) -> None:
    ann, ben = developers
    code = ann.workspace.read(CODE)

    with Load(ben.url, rate=20) as load:
        ann.workspace.edit(CODE, TEXT, "Ann says")
        wait_until(lambda: "Ann says" in ann.answer(), "the edit is live", DEADLINE)

    assert load.outcomes.keys() == {"200"}
    assert TEXT in ben.answer()
    ann.workspace.write(CODE, code)
    wait_until(
        lambda: ann.tilt.is_green() and ben.tilt.is_green(), "every resource is green", DEADLINE
    )


def test_each_namespace_has_one_pod(
    developers: tuple[Developer, Developer],
) -> None:
    assert len(developers) == 2

    for namespace in ("ann", "ben"):
        listed = output("kubectl", "--namespace", namespace, "get", "pods", "--output", "json")
        assert len(json.loads(listed)["items"]) == 1
