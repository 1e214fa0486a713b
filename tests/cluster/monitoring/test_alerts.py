"""Each alert fires when what it is about happens, and clears when it is over."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.waiting import wait_until
from tests.cluster.support.stack import SUBJECT, Stack, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("subject")]
LOKI_IS_FULL = 'ALERTS{alertname="LokiVolumeFull", alertstate="firing"}'
CRASHER = """
apiVersion: v1
kind: Pod
metadata: {{name: crasher, namespace: lambda}}
spec:
  securityContext: {{runAsNonRoot: true, runAsUser: 1000, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
    - name: crasher
      image: {image}
      command: [python, -c, exit(1)]
      ports: [{{name: admin, containerPort: 9101}}]
      securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"""


@pytest.fixture(scope="module")
def trouble(stack: Stack) -> None:
    """Errors, slow invocations and throttled requests at once: one wait serves three alerts."""
    stack.invoke_many([{"raise": "no"}] * 5)
    stack.invoke_many([{"sleep": 0.95}] * 10, at_once=2)
    stack.invoke_many([{"sleep": 0.95}] * 8, at_once=8)


@pytest.fixture
def crasher() -> Iterator[str]:
    image = kubectl(
        *("-n", "lambda", "get", "deployment", SUBJECT),
        *("-o", "jsonpath={.spec.template.spec.containers[0].image}"),
    )
    kubectl("apply", "-f", "-", stdin=CRASHER.format(image=image))
    yield "crasher"
    kubectl("-n", "lambda", "delete", "pod", "crasher", "--ignore-not-found")


@contextmanager
def small_volume(deployment: str, size: str) -> Iterator[None]:
    """Have the data of Loki or of Prometheus in memory, where it ends at its size as on a disk."""
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
def test_it_fires(stack: Stack, alert: str) -> None:
    wait_until(lambda: stack.firing(alert), f"{alert} fires", 30)


@pytest.mark.usefixtures("trouble")
@pytest.mark.parametrize(
    "alert", ["LambdaErrorRate", "LambdaDurationNearTimeout", "LambdaThrottled"]
)
def test_it_clears_when_a_minute_was_good(stack: Stack, alert: str) -> None:
    wait_until(lambda: not stack.firing(alert), f"{alert} clears", 90)


def test_a_crash_loop_fires_until_the_pod_is_gone(stack: Stack, crasher: str) -> None:
    wait_until(lambda: stack.firing("LambdaCrashLoop", crasher), "it fires", 120)

    kubectl("-n", "lambda", "delete", "pod", crasher)

    wait_until(lambda: not stack.firing("LambdaCrashLoop", crasher), "it clears", 60)


def test_missing_logs_fire_until_the_collector_is_back(stack: Stack) -> None:
    def fires() -> bool:
        stack.invoke({"print": "unheard"})
        return stack.firing("LambdaLogsMissing")

    with no_collector():
        wait_until(fires, "it fires", 120)

    wait_until(lambda: not stack.firing("LambdaLogsMissing"), "it clears", 30)
    wait_until(lambda: stack.logs('{service_name="subject"} |= "unheard"'), "what it said", 60)


def refuses_lines() -> bool:
    said = kubectl("-n", "monitoring", "logs", "deployment/loki")
    return "throttling writes" in said


def test_a_full_volume_of_loki_fires_and_the_lines_that_it_does_not_take_come_when_it_has_room(
    stack: Stack,
) -> None:
    run = uuid.uuid4().hex
    with small_volume("loki", "4Mi"):
        answers = stack.invoke_many([{"print": "x" * 100_000}] * 100)
        wait_until(lambda: stack.metrics(LOKI_IS_FULL), "it fires", 60)
        # Until it looks at its volume, each 10 s, it takes lines into its memory, and loses them.
        wait_until(refuses_lines, "it takes no more", 30)
        answers += stack.invoke_many([{"print": run}])

        assert {answer.body for answer in answers} == {b'"done"'}

    wait_until(lambda: stack.logs(f'{{service_name="subject"}} |= "{run}"'), "its line", 120)
    wait_until(lambda: not stack.metrics(LOKI_IS_FULL), "it clears", 120)


def test_a_full_volume_of_prometheus_is_in_its_log_and_the_function_notices_nothing(
    stack: Stack,
) -> None:
    def full() -> bool:
        assert stack.invoke().body == b'"done"'
        return "no space left on device" in kubectl(
            "-n", "monitoring", "logs", "deployment/prometheus"
        )

    with small_volume("prometheus", "48Ki"):
        wait_until(full, "it says so", 180)

    stack.wait_until_scraped()
