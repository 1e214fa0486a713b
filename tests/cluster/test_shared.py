"""A cluster that two developers share, each with a namespace."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.waiting import wait_until
from tests.cluster.support.load import Load
from tests.cluster.support.workspace import (
    CODE,
    DEADLINE,
    TEXT,
    Tilt,
    Workspace,
    output,
)

pytestmark = pytest.mark.cluster


@dataclass(frozen=True)
class Developer:
    """A developer with a namespace."""

    workspace: Workspace
    tilt: Tilt

    def response(self) -> Any:
        return json.loads(self.workspace.invoke())["body"]


@pytest.fixture(scope="module")
def developers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Developer, Developer]]:
    with ExitStack() as stack:
        yield (
            stack.enter_context(developer_in("ann", tmp_path_factory.mktemp("ann"))),
            stack.enter_context(developer_in("ben", tmp_path_factory.mktemp("ben"))),
        )


@contextmanager
def developer_in(namespace: str, directory: Path) -> Iterator[Developer]:
    workspace = Workspace(directory, namespace=namespace)
    try:
        with Tilt(workspace) as tilt:
            yield Developer(workspace, tilt)
    finally:
        workspace.delete_namespace()


def test_save_of_one_developer_does_not_change_function_of_other(
    developers: tuple[Developer, Developer],
) -> None:
    ann, ben = developers
    code = ann.workspace.read(CODE)

    try:
        with Load(ben.workspace.url, rate=20) as load:
            ann.workspace.edit(CODE, TEXT, "Ann says")
            wait_until(lambda: "Ann says" in ann.response(), "the edit is live", DEADLINE)
        assert load.outcomes.keys() == {"200"}
        assert TEXT in ben.response()
    finally:
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
        assert len(json.loads(listed)["items"]) == 1, namespace


def test_deleted_namespace_makes_live_red_with_advice(
    developers: tuple[Developer, Developer],
) -> None:
    ann, ben = developers
    output("kubectl", "delete", "namespace", "ann")

    wait_until(lambda: ann.tilt.statuses().get("live") == "error", "the row is red", DEADLINE)
    advice = "Trigger `namespaces`, then `function`."
    wait_until(lambda: advice in ann.tilt.log(), "the advice", DEADLINE)
    ann.tilt.trigger("namespaces")
    wait_until(
        lambda: output("kubectl", "get", "namespace", "ann", "--ignore-not-found"),
        "the namespace exists",
        DEADLINE,
    )
    ann.tilt.trigger("function")
    ann.tilt.wait_until_green()
    assert ben.tilt.is_green()
