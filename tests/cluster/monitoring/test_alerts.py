"""Each alert fires when its problem occurs, and clears when the problem is over."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.waiting import wait_until
from tests.cluster.support.stack import Stack, kubectl, python_pod

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("subject")]
LOKI_IS_FULL = 'ALERTS{alertname="LokiVolumeFull", alertstate="firing"}'


@pytest.fixture(scope="module")
def trouble(stack: Stack) -> None:
    """Cause errors, slow invocations and throttled requests at once, to wait only once."""
    stack.invoke_many([{"raise": "no"}] * 5)
    stack.invoke_many([{"sleep": 0.95}] * 10, at_once=2)
    stack.invoke_many([{"sleep": 0.95}] * 8, at_once=8)


@pytest.fixture
def crasher() -> Iterator[str]:
    with python_pod("crasher", "exit(1)"):
        yield "crasher"


@contextmanager
def small_volume(deployment: str, size: str) -> Iterator[None]:
    """Limit the volume of Loki or Prometheus to a size, by a file system in memory."""
    listed = json.loads(kubectl("-n", "monitoring", "get", "deployment", deployment, "-o", "json"))
    volumes = listed["spec"]["template"]["spec"]["volumes"]
    (before,) = [each["emptyDir"] for each in volumes if each["name"] == "data"]
    mount(deployment, {"medium": "Memory", "sizeLimit": size})
    try:
        yield
    finally:
        mount(deployment, {"medium": None} | before)


def mount(deployment: str, volume: dict[str, str | None]) -> None:
    data = {"volumes": [{"name": "data", "emptyDir": volume}]}
    patch = json.dumps({"spec": {"template": {"spec": data}}})
    kubectl("-n", "monitoring", "patch", "deployment", deployment, "--patch", patch)
    wanted = ("rollout", "status", "deployment", deployment, "--timeout=90s")
    kubectl("-n", "monitoring", *wanted)


@contextmanager
def no_collector() -> Iterator[None]:
    schedule_collector('{"lambda-dev/none": "such"}')
    try:
        kubectl("-n", "collector", "wait", "pods", "--all", "--for=delete", "--timeout=60s")
        yield
    finally:
        schedule_collector('{"lambda-dev/none": null}')
        kubectl("-n", "collector", "rollout", "status", "daemonset/collector", "--timeout=60s")


def schedule_collector(selector: str) -> None:
    patch = f'{{"spec": {{"template": {{"spec": {{"nodeSelector": {selector}}}}}}}}}'
    kubectl("-n", "collector", "patch", "daemonset", "collector", "-p", patch)


@pytest.mark.usefixtures("trouble")
@pytest.mark.parametrize(
    "alert", ["LambdaErrorRate", "LambdaDurationNearTimeout", "LambdaThrottled"]
)
def test_alert_fires(stack: Stack, alert: str) -> None:
    wait_until(lambda: stack.firing(alert), f"{alert} fires", 30)


@pytest.mark.usefixtures("trouble")
@pytest.mark.parametrize(
    "alert", ["LambdaErrorRate", "LambdaDurationNearTimeout", "LambdaThrottled"]
)
def test_alert_clears_after_good_minute(stack: Stack, alert: str) -> None:
    wait_until(lambda: not stack.firing(alert), f"{alert} clears", 90)


def test_crash_loop_fires_until_pod_is_deleted(stack: Stack, crasher: str) -> None:
    wait_until(lambda: stack.firing("LambdaCrashLoop", crasher), "it fires", 120)

    kubectl("-n", "lambda", "delete", "pod", crasher)

    wait_until(lambda: not stack.firing("LambdaCrashLoop", crasher), "it clears", 60)


def test_missing_logs_fire_until_collector_runs(stack: Stack) -> None:
    def fires() -> bool:
        stack.invoke({"print": "without collector"})
        return stack.firing("LambdaLogsMissing")

    with no_collector():
        wait_until(fires, "it fires", 120)

    wait_until(lambda: not stack.firing("LambdaLogsMissing"), "it clears", 30)
    wait_until(
        lambda: stack.logs('{service_name="subject"} |= "without collector"'), "its lines", 60
    )


def rejects_lines() -> bool:
    log = kubectl("-n", "monitoring", "logs", "deployment/loki")
    return "throttling writes" in log


def test_full_volume_of_loki_fires_and_lines_arrive_later(
    stack: Stack,
) -> None:
    run = uuid.uuid4().hex
    with small_volume("loki", "4Mi"):
        responses = stack.invoke_many([{"print": "x" * 100_000}] * 100)
        wait_until(lambda: stack.metrics(LOKI_IS_FULL), "it fires", 60)
        # Loki checks its volume every 10 s. Until then it accepts lines in memory, and loses them.
        wait_until(rejects_lines, "Loki rejects lines", 30)
        responses += stack.invoke_many([{"print": run}])

        assert {response.body for response in responses} == {b'"done"'}

    wait_until(lambda: stack.logs(f'{{service_name="subject"}} |= "{run}"'), "its line", 120)
    wait_until(lambda: not stack.metrics(LOKI_IS_FULL), "it clears", 120)


def test_full_volume_of_prometheus_does_not_affect_function(
    stack: Stack,
) -> None:
    def full() -> bool:
        assert stack.invoke().body == b'"done"'
        return "no space left on device" in kubectl(
            "-n", "monitoring", "logs", "deployment/prometheus"
        )

    with small_volume("prometheus", "48Ki"):
        wait_until(full, "the log reports it", 180)

    stack.wait_until_scraped()
