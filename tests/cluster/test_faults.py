"""Faults in the cluster, under a load of 50 checked requests a second."""

import json
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

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

HOST = urlsplit(URL).netloc
REGISTRY = "lambda-dev-registry"
NODE = "k3d-lambda-dev-server-0"
FEW = 100
"""Responses that prove that the load continues after a fault."""


@pytest.fixture(scope="module")
def tilt(workspace: Workspace) -> Iterator[Tilt]:
    with Tilt(workspace) as tilt:
        yield tilt


@pytest.fixture
def load(tilt: Tilt) -> Iterator[Load]:
    """Load whose requests must all get the function's response."""
    tilt.wait_until_green()
    with Load(URL) as load:
        wait_for(load, FEW)
        yield load
        wait_for(load, FEW)
    assert load.outcomes.keys() == {"200"}, load.outcomes


def wait_for(load: Load, more: int) -> None:
    before = load.outcomes.total()
    wait_until(lambda: load.outcomes.total() >= before + more, f"{more} more responses", DEADLINE)


def run(action: str, **parameters: object) -> tuple[int, Any]:
    event = {"message": "hello world", "do": action, **parameters}
    status, body = invoke(URL, json.dumps(event).encode())
    return status, json.loads(body)


def kubectl(*arguments: str) -> str:
    return output("kubectl", "--namespace", "lambda", *arguments)


def container(name: str) -> str:
    """Return a container of k3d. Skip the test if the cluster is not k3d's."""
    found = subprocess.run(["docker", "inspect", name], capture_output=True, check=False)
    return name if found.returncode == 0 else pytest.skip(f"no container {name}")


# --- faults of the function


@pytest.mark.usefixtures("load")
def test_killed_environment_fails_only_its_invocation() -> None:
    for _ in range(5):
        status, error = run("crash")

        assert status == 200
        assert error["errorType"] == "Runtime.ExitError"


@pytest.mark.usefixtures("load")
def test_handler_that_leaks_memory_is_killed_and_pod_stays() -> None:
    before = pods()

    assert run("leak")[1]["errorType"] == "Runtime.OutOfMemory"

    assert pods().keys() == before.keys()


@pytest.mark.usefixtures("load")
def test_handler_that_never_returns_times_out() -> None:
    assert "Task timed out after 10.00 seconds" in run("never return")[1]["errorMessage"]


@pytest.mark.usefixtures("load")
def test_handler_that_writes_100000_lines_succeeds() -> None:
    status, response = run("write", lines=100_000)

    assert (status, response["statusCode"]) == (200, 200)


@pytest.mark.usefixtures("load")
def test_response_over_six_megabytes_gets_error_of_aws() -> None:
    assert run("respond", bytes=7_000_000)[1]["errorType"] == "Function.ResponseSizeTooLarge"


@pytest.mark.usefixtures("load")
def test_event_over_six_megabytes_is_rejected() -> None:
    assert run("respond", bytes=0, padding="x" * 7_000_000)[0] == 413


# --- faults of clients


@pytest.mark.usefixtures("load")
def test_slow_clients_do_not_block_other_requests() -> None:
    head = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100000\r\n\r\n".encode()
    with ExitStack() as stack:
        clients = [stack.enter_context(connection()) for _ in range(200)]
        for byte in head + b"{" * 20:
            for client in clients:
                client.send(bytes([byte]))

        assert run("nothing")[0] == 200


@pytest.mark.usefixtures("load")
def test_idle_connections_do_not_block_other_requests() -> None:
    with ExitStack() as stack:
        for _ in range(2000):
            stack.enter_context(connection())

        assert run("nothing")[0] == 200


def connection() -> socket.socket:
    host, _, port = HOST.partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


# --- faults of the cluster


@pytest.mark.usefixtures("load")
def test_rollout_loses_no_request() -> None:
    before = pods()

    kubectl("rollout", "restart", "deployment/function")
    kubectl("rollout", "status", "deployment/function", f"--timeout={DEADLINE:g}s")

    assert not pods().keys() & before.keys()


@pytest.mark.alone
@pytest.mark.usefixtures("load")
def test_paused_node_delays_requests_and_loses_none() -> None:
    node = container(NODE)
    output("docker", "pause", node)
    try:
        with ThreadPoolExecutor(1) as sender:
            late = sender.submit(run, "nothing")
            assert not late.done()
            output("docker", "unpause", node)
            assert late.result()[0] == 200
    finally:
        subprocess.run(["docker", "unpause", node], capture_output=True, check=False)


@pytest.mark.alone
def test_cluster_that_does_not_respond_turns_live_red(tilt: Tilt) -> None:
    tilt.wait_until_green()
    node = container(NODE)
    output("docker", "pause", node)
    try:
        wait_until(lambda: tilt.statuses().get("live") == "error", "the row is red", DEADLINE)
        assert "The cluster does not respond" in tilt.log()
    finally:
        output("docker", "unpause", node)
    tilt.wait_until_green()


@pytest.mark.alone
def test_save_without_registry_is_live(load: Load, workspace: Workspace) -> None:
    code = workspace.read(CODE)
    registry = container(REGISTRY)
    output("docker", "stop", registry)
    try:
        workspace.edit(CODE, "import time\n", "import time  # an edit\n")
        ended = subprocess.run(
            ["scripts/check", "--cluster", "--quiet"],
            cwd=workspace.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    finally:
        output("docker", "start", registry)
        workspace.write(CODE, code)
    assert load.lost == 0


def test_image_that_crashes_replaces_no_pod_and_tilt_shows_reason(
    load: Load, tilt: Tilt, workspace: Workspace
) -> None:
    before, dockerfile = pods(), workspace.read("Dockerfile")
    crash = 'ENTRYPOINT ["python", "-c", "raise SystemExit(\\"it crashes\\")"'
    workspace.edit("Dockerfile", 'ENTRYPOINT ["python", "-P", "-m", "lambda_live"', crash)
    try:
        wait_until(lambda: "Back-off restarting" in tilt.log(), "Tilt shows it", DEADLINE)

        assert "it crashes\n" in tilt.log()
        assert before.keys() <= pods().keys()
        assert load.lost == 0
    finally:
        workspace.write("Dockerfile", dockerfile)
    tilt.wait_until_green()


@pytest.mark.alone
def test_save_after_all_faults_is_live(tilt: Tilt, workspace: Workspace) -> None:
    code = workspace.read(CODE)
    workspace.edit(CODE, TEXT, "After all, the message is")
    wait_until(lambda: "After all" in str(run("nothing")[1]), "the edit is live", DEADLINE)

    workspace.write(CODE, code)

    tilt.wait_until_green()
