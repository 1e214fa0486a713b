import itertools
import json
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.http import HttpResponse
from support.project import REPOSITORY
from support.waiting import wait_until
from tests.cluster.support.stack import Line, Stack, kubectl, python_pod

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("subject")]
SUBJECT = '{service_name="subject"}'


def request_id(response: HttpResponse) -> str:
    return response.headers["x-amzn-requestid"]


def lines_of(stack: Stack, request_id: str, count: int) -> list[Line]:
    """Return an invocation's lines when the expected number has arrived."""
    query = f'{SUBJECT} | request_id="{request_id}"'

    def found() -> list[Line]:
        lines = stack.logs(query)
        return lines if len(lines) >= count else []

    lines = wait_until(found, f"{count} lines of {request_id}", 30)
    assert len(lines) == count
    return lines


def test_lines_of_invocation_are_found_by_request_id(stack: Stack) -> None:
    response = stack.invoke({"log": "written by a logger", "print": "printed"})

    lines = lines_of(stack, request_id(response), 4)

    records = [line.json() for line in lines]
    assert [record.get("type") for record in records if record.get("type") != "function"] == [
        "platform.start",
        None,
        "platform.report",
    ]
    assert [record["record"] for record in records if record.get("type") == "function"] == [
        "printed"
    ]


def test_line_has_function_pod_and_level(stack: Stack) -> None:
    response = stack.invoke({"log": "written by a logger", "raise": "no"})

    lines = lines_of(stack, request_id(response), 5)

    pods = kubectl("-n", "lambda", "get", "pods", "-l", "app.kubernetes.io/name=subject")
    assert {line.labels["service_name"] for line in lines} == {"subject"}
    assert all(line.labels["pod"] in pods for line in lines)
    assert [(line.json().get("type"), line.labels["level"]) for line in lines] == [
        ("platform.start", "info"),
        (None, "error"),
        (None, "error"),
        ("platform.runtimeDone", "error"),
        ("platform.report", "error"),
    ]


@pytest.mark.parametrize(
    "text", ["one\ntwo\n\tthree", "x" * 200_000, "é" * 20_000], ids=["lines", "200 KB", "unicode"]
)
def test_long_record_arrives_complete(stack: Stack, text: str) -> None:
    response = stack.invoke({"log": text})

    (line,) = [line for line in lines_of(stack, request_id(response), 3) if "logger" in line.json()]
    assert line.json()["message"] == text


def restart() -> None:
    kubectl("-n", "collector", "rollout", "restart", "daemonset/collector")


def kill() -> None:
    kubectl("-n", "collector", "delete", "pod", "--all", "--grace-period=0", "--force")


@pytest.mark.parametrize("end", [restart, kill])
def test_collector_restart_loses_and_repeats_no_line(stack: Stack, end: Callable[[], None]) -> None:
    run = uuid.uuid4().hex
    printed: list[str] = []
    stop = threading.Event()

    def invoke_repeatedly() -> None:
        for number in itertools.count():
            text = f"{run} {number:05}"
            # On a busy machine an invocation may exceed the timeout of 1 s.
            if stack.invoke({"print": text}).body == b'"done"':
                printed.append(text)
            if stop.is_set():
                return

    thread = threading.Thread(target=invoke_repeatedly)
    thread.start()
    try:
        wait_until(lambda: len(printed) > 50, "50 lines", 60)
        end()
        kubectl("-n", "collector", "rollout", "status", "daemonset/collector", "--timeout=60s")
        count = len(printed)
        wait_until(lambda: len(printed) > count + 50, "50 lines more", 60)
    finally:
        stop.set()
        thread.join()

    def stored() -> list[str]:
        return sorted(line.json()["record"] for line in stack.logs(f'{SUBJECT} |= "{run}"'))

    # Lines that waited on the node arrive together with new ones.
    wait_until(lambda: set(printed) <= set(stored()), "every line", 30)
    lines = stored()
    assert len(lines) == len(set(lines))


@contextmanager
def collector_stopped() -> Iterator[None]:
    select_nodes({"none": "yes"})
    kubectl("-n", "collector", "wait", "pods", "--all", "--for=delete", "--timeout=60s")
    try:
        yield
    finally:
        select_nodes(None)
        kubectl("-n", "collector", "rollout", "status", "daemonset/collector", "--timeout=60s")


def select_nodes(labels: dict[str, str] | None) -> None:
    patch = {"spec": {"template": {"spec": {"nodeSelector": labels}}}}
    kubectl("-n", "collector", "patch", "daemonset", "collector", "--patch", json.dumps(patch))


def log_files(pod: str) -> str:
    """Return the kubelet's list of all log files of a pod, as HTML."""
    node, uid = kubectl(
        *("-n", "lambda", "get", "pod", pod),
        *("-o", "jsonpath={.spec.nodeName} {.metadata.uid}"),
    ).split()
    return kubectl(
        "get", "--raw", f"/api/v1/nodes/{node}/proxy/logs/pods/lambda_{pod}_{uid}/{pod}/"
    )


def test_lines_of_file_rotated_while_collector_is_stopped_arrive_once(stack: Stack) -> None:
    # The kubelet rotates a log file of 10 MiB.
    numbers = [f"{number:05}" for number in range(2500)]
    program = "for n in range(2500): print(f'{n:05}', 'x' * 5000)\nimport time; time.sleep(600)"

    with python_pod("talker", program):
        with collector_stopped():
            kubectl("-n", "lambda", "wait", "pod/talker", "--for=condition=Ready", "--timeout=60s")
            wait_until(lambda: "0.log.2" in log_files("talker"), "a rotated file", 60)

        def stored() -> list[str]:
            return sorted(line.text[:5] for line in stack.logs('{service_name="talker"}'))

        wait_until(lambda: len(stored()) >= len(numbers), "every line", 60)
        assert stored() == numbers


def test_line_is_stored_within_five_seconds(stack: Stack) -> None:
    text = uuid.uuid4().hex

    stack.invoke({"print": text})

    wait_until(lambda: stack.logs(f'{SUBJECT} |= "{text}"'), text, 5)


def logs_script(stack: Stack, *args: str) -> str:
    environment = os.environ | {"LOKI_URL": stack.url("monitoring", "loki")}
    return subprocess.run(
        ["scripts/logs", *args],
        cwd=REPOSITORY,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_logs_script_prints_lines_of_invocation(stack: Stack) -> None:
    response = stack.invoke({"log": "for the script"})
    expected = [line.text for line in lines_of(stack, request_id(response), 3)]

    printed = logs_script(stack, "--function", "subject", request_id(response))

    assert printed.splitlines() == expected


def test_logs_script_prints_last_lines(stack: Stack) -> None:
    response = stack.invoke({"print": "the last"})
    lines_of(stack, request_id(response), 3)

    printed = logs_script(stack, "--function", "subject", "--since", "2m")

    assert json.loads(printed.splitlines()[-1])["record"]["requestId"] == request_id(response)
