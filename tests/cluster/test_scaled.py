"""Several pods of the function, and scaling by load."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.waiting import wait_until
from tests.cluster.support.load import RESPONSE, Load, invoke
from tests.cluster.support.scaled import (
    LEAST,
    MOST,
    check,
    kubectl,
    let_autoscaler_choose,
    scale,
    serves,
    wait_for_pods,
)
from tests.cluster.support.workspace import (
    CODE,
    DEADLINE,
    TEXT,
    URL,
    Tilt,
    Workspace,
    pods,
)

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def started(workspace: Workspace) -> Iterator[Tilt]:
    with Tilt(workspace, "--scaled") as tilt:
        yield tilt


@pytest.fixture
def tilt(started: Tilt, workspace: Workspace) -> Iterator[Tilt]:
    """Tilt with green rows before the test, and again after its edit is undone."""
    code = workspace.read(CODE)
    scale(LEAST)
    wait_for_pods(LEAST)
    yield started
    let_autoscaler_choose()
    workspace.write(CODE, code)
    started.wait_until_green()


def code_of(pod: str) -> str:
    path = f"/api/v1/namespaces/lambda/pods/{pod}:9101/proxy/ready"
    return str(json.loads(kubectl("get", "--raw", path))["code_sha256"])


@pytest.mark.usefixtures("tilt")
def test_save_reaches_each_pod(workspace: Workspace) -> None:
    (before,) = {code_of(pod) for pod in pods()}

    workspace.edit(CODE, TEXT, "A message came")

    checked = check(workspace, "--code")
    assert checked.returncode == 0, checked.stderr
    (after,) = {code_of(pod) for pod in pods()}
    assert after != before


@pytest.mark.usefixtures("tilt")
def test_pod_with_other_code_fails_checks(workspace: Workspace) -> None:
    pod = next(iter(pods()))
    with changed_code(pod) as other:
        code, every_event = (
            check(workspace, "--code", "--wait", "2"),
            check(workspace, "--wait", "2"),
        )

    for checked in (code, every_event):
        assert checked.returncode == 1
        assert f"runs {other[:12]}" in checked.stderr
    assert check(workspace).returncode == 0


@contextmanager
def changed_code(pod: str) -> Iterator[str]:
    path, before = f"/var/task/{CODE}", code_of(pod)
    kubectl("exec", pod, "--", "sh", "-c", f"cp {path} /tmp/before && echo '# other' >>{path}")
    try:
        wait_until(lambda: code_of(pod) != before, "the pod runs the other code")
        yield code_of(pod)
    finally:
        kubectl("exec", pod, "--", "sh", "-c", f"cat /tmp/before >{path}")
        wait_until(lambda: code_of(pod) == before, "the pod runs the code again")


@pytest.mark.usefixtures("tilt")
def test_scaling_loses_no_request() -> None:
    with Load(URL) as load:
        scale(MOST)
        wait_for_pods(MOST)
        scale(LEAST)
        wait_for_pods(LEAST)

    assert load.outcomes.keys() == {"200"}, load.outcomes


def test_new_pod_serves_only_after_last_save_is_copied(tilt: Tilt, workspace: Workspace) -> None:
    workspace.edit(CODE, TEXT, "A message came")
    checked = check(workspace, "--code")
    assert checked.returncode == 0, checked.stderr
    saved = RESPONSE | {"body": "A message came: 'hello world'"}
    assert json.loads(invoke(URL)[1]) == saved

    before = pods()

    with Load(URL, response=saved) as load:
        with tilt.paused():
            scale(MOST)
            wait_until(lambda: len(pods()) == MOST, "the pods start", DEADLINE)
            later = pods().keys() - before.keys()
            wait_until(
                lambda: all(map(is_loaded, later)),
                "the pods have loaded the image's code",
                DEADLINE,
            )
            assert not any(serves(pods()[name]) for name in later)
        wait_for_pods(MOST)
        scale(LEAST)
        wait_for_pods(LEAST)

    assert load.outcomes.keys() == {"200"}, load.outcomes


def is_loaded(pod: str) -> bool:
    try:
        return bool(code_of(pod))
    except subprocess.CalledProcessError:
        return False


@pytest.mark.usefixtures("tilt")
def test_save_during_scaling_is_live_in_all_pods(workspace: Workspace) -> None:
    with Load(URL, response=None) as load:
        scale(MOST)
        workspace.edit(CODE, TEXT, "A message came")
        wait_for_pods(MOST)
        scale(LEAST)
        workspace.edit(CODE, "A message came", "One message came")
        wait_for_pods(LEAST)

    assert load.outcomes.keys() == {"200"}, load.outcomes
    assert check(workspace, "--code").returncode == 0
    assert len({code_of(pod) for pod in pods()}) == 1


@pytest.mark.usefixtures("tilt")
def test_load_scales_out_and_back() -> None:
    let_autoscaler_choose(busy_at="30m")
    with Load(URL) as load:
        wait_until(lambda: len(pods()) > LEAST, "another pod starts", DEADLINE)
        wait_until(lambda: all(map(serves, pods().values())), "it is ready", DEADLINE)

    with Load(URL, rate=5) as after:
        wait_for_pods(LEAST)

    assert load.outcomes.keys() == after.outcomes.keys() == {"200"}
