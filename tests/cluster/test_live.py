import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from support.waiting import wait_until
from tests.cluster.support.load import Load, invoke
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


@pytest.fixture(scope="module")
def started(workspace: Workspace) -> Iterator[Tilt]:
    with Tilt(workspace) as tilt:
        yield tilt


@pytest.fixture
def tilt(started: Tilt, workspace: Workspace) -> Iterator[Tilt]:
    """Tilt with green rows before the test, and again after its edit is undone."""
    started.wait_until_green()
    code = workspace.read(CODE)
    yield started
    workspace.write(CODE, code)
    started.wait_until_green()


def response() -> Any:
    return json.loads(invoke(URL)[1])


@pytest.mark.usefixtures("tilt")
def test_each_event_gets_expected_response_through_load_balancer(
    workspace: Workspace,
) -> None:
    checked = subprocess.run(
        ["scripts/check", "--cluster"],
        cwd=workspace.directory,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.usefixtures("tilt")
def test_save_is_live_in_running_pod(workspace: Workspace) -> None:
    before = pods()

    workspace.edit(CODE, TEXT, "A message came")

    wait_until(lambda: "A message came" in response()["body"], "the edit is live", DEADLINE)
    assert pods().keys() == before.keys()


def test_save_that_changes_response_fails_checks(tilt: Tilt, workspace: Workspace) -> None:
    workspace.edit(CODE, TEXT, "A message came")

    wait_until(lambda: tilt.statuses()["checks"] == "error", "the checks have failed", DEADLINE)


@pytest.mark.usefixtures("tilt")
def test_page_lists_events_and_expected_responses(workspace: Workspace) -> None:
    names = ["event.json", "event_other.json"]
    assert request_page("events") == names
    for name in names:
        assert request_page(f"events/{name}") == {
            "name": name,
            "event": workspace.read(f"events/{name}"),
            "expected": workspace.read(f"events/expected/{name}"),
        }


@pytest.mark.usefixtures("tilt")
def test_page_follows_saved_and_removed_events(workspace: Workspace) -> None:
    before = pods()
    workspace.write("events/event_new.json", '{"message": "new"}')
    wait_until(lambda: "event_new.json" in request_page("events"), "the page lists it", DEADLINE)

    (workspace.directory / "events/event_new.json").unlink()

    wait_until(
        lambda: "event_new.json" not in request_page("events"),
        "the page does not list it",
        DEADLINE,
    )
    assert pods().keys() == before.keys()


def request_page(path: str) -> Any:
    (pod,) = pods()
    page = f"/api/v1/namespaces/lambda/pods/{pod}:9101/proxy/api/{path}"
    return json.loads(output("kubectl", "get", "--raw", page))


def test_save_with_syntax_error_turns_live_and_checks_red(tilt: Tilt, workspace: Workspace) -> None:
    code = workspace.read(CODE)

    workspace.write(CODE, f"{code}\ndef broken(:\n")

    wait_until(lambda: "errorType" in response(), "the function returns the error", DEADLINE)
    assert response()["errorType"] == "Runtime.UserCodeSyntaxError"
    wait_until(lambda: tilt.statuses()["live"] == "error", "the code is not live", DEADLINE)
    assert f"{CODE}:{len(code.splitlines()) + 2}: SyntaxError" in tilt.log()
    wait_until(lambda: tilt.statuses()["checks"] == "error", "the checks are red", DEADLINE)
    assert "2 events wait for code that loads" in tilt.log()
    workspace.write(CODE, code)
    wait_until(lambda: "statusCode" in response(), "the function responds again", DEADLINE)


@pytest.mark.usefixtures("tilt")
def test_killed_pod_loses_no_request() -> None:
    before = pods()

    with Load(URL) as load:
        output("kubectl", "--namespace", "lambda", "delete", "pod", *before)
        (name,) = wait_until(pods, "another pod runs", DEADLINE)

    assert name not in before
    assert load.outcomes.keys() == {"200"}


def test_save_is_live_in_replacement_of_pod(tilt: Tilt, workspace: Workspace) -> None:
    workspace.edit(CODE, TEXT, "A message came")
    wait_until(lambda: "A message came" in response()["body"], "the edit is live", DEADLINE)
    before = pods()

    output("kubectl", "--namespace", "lambda", "delete", "pod", "--wait=false", *before)

    wait_until(lambda: pods() and not pods().keys() & before.keys(), "another pod runs", DEADLINE)
    wait_until(lambda: tilt.statuses()["function"] == "ok", "the pod is ready", DEADLINE)
    wait_until(lambda: "A message came" in response()["body"], "the pod has the edit", DEADLINE)


def test_rollout_runs_checks_again(tilt: Tilt) -> None:
    checks = tilt.log().count("events as expected")

    output("kubectl", "--namespace", "lambda", "rollout", "restart", "deployment/function")

    wait_until(lambda: tilt.log().count("events as expected") > checks, "the checks", DEADLINE)


def test_variable_of_env_file_reaches_function(tilt: Tilt, workspace: Workspace) -> None:
    event = json.dumps({"do": "read variable", "variable": "TABLE_NAME"}).encode()

    workspace.write(".env", "TABLE_NAME=orders of ann\n")

    expected = {"statusCode": 200, "body": "orders of ann"}
    wait_until(
        lambda: json.loads(invoke(URL, event)[1]) == expected,
        "the function has the variable",
        DEADLINE,
    )
    (workspace.directory / ".env").unlink()
    tilt.wait_until_green()


@pytest.mark.parametrize("file", ["poetry.lock", "greeting/requirements.txt"])
def test_changed_dependencies_rebuild_image_once(
    tilt: Tilt, workspace: Workspace, file: str
) -> None:
    before = images()

    workspace.write(file, workspace.read(file) + "# changed\n")

    wait_until(lambda: images() and not images() & before, "a pod of another image", DEADLINE)
    tilt.wait_until_green()
    rebuilt = images()
    workspace.edit(CODE, TEXT, "A message came")
    wait_until(lambda: "A message came" in response()["body"], "the save is live", DEADLINE)
    assert images() == rebuilt


def test_failed_build_stays_red_after_save_and_is_repeated(
    tilt: Tilt, workspace: Workspace
) -> None:
    dockerfile, before = workspace.read("Dockerfile"), images()
    broken = dockerfile.replace("COPY packages/", "RUN exit 3\nCOPY packages/")
    workspace.write("Dockerfile", broken)
    wait_until(lambda: tilt.statuses().get("live") == "error", "the row is red", DEADLINE)

    workspace.edit(CODE, TEXT, "A message came")

    wait_until(lambda: "A message came" in response()["body"], "the save is live", DEADLINE)
    failed = tilt.log().count("Build Failed: ImageBuild")
    wait_until(
        lambda: tilt.log().count("Build Failed: ImageBuild") > failed,
        "the build is repeated",
        DEADLINE,
    )
    assert tilt.statuses()["live"] == "error"
    assert "The image of the last change was not built" in tilt.log()
    assert images() == before
    workspace.write("Dockerfile", dockerfile)
    wait_until(lambda: tilt.statuses()["live"] == "ok", "the row is green", DEADLINE)


def images() -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in pods().values()}
