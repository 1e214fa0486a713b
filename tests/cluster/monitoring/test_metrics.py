"""The dashboard counts exactly, also across restarts."""

from dataclasses import dataclass
from typing import Any

import pytest

from support.waiting import wait_until
from tests.cluster.support.stack import SUBJECT, Stack, kubectl
from tests.environment.support.dashboard import Range, query

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("subject")]
POD = ["-n", "lambda", "-l", "app.kubernetes.io/name=subject"]


@dataclass
class Sent:
    """The requests that were sent since a time."""

    since: float
    invocations: int = 0
    errors: int = 0
    throttles: int = 0

    def send(self, stack: Stack, events: list[dict[str, Any]], at_once: int = 1) -> None:
        for response in stack.invoke_many(events, at_once):
            assert response.status in (200, 429)
            self.throttles += response.status == 429
            self.invocations += response.status == 200
            self.errors += "x-amz-function-error" in response.headers
        stack.wait_until_scraped()

    def assert_shown(self, stack: Stack) -> None:
        shown = {
            title: stack.stat(query(title), self.since)
            for title in ("Invocations", "Error rate", "Throttles")
        }
        assert shown == {
            "Invocations": self.invocations,
            "Error rate": self.errors / self.invocations,
            "Throttles": self.throttles,
        }


@pytest.fixture
def sent(stack: Stack) -> Sent:
    stack.wait_until_scraped()
    return Sent(stack.now())


def errors_by_type(stack: Stack, since: float) -> dict[str, float]:
    series = stack.metrics(
        f'sum by (error_type) (increase(lambda_errors_total{{service_name="{SUBJECT}"}}'
        f"[{round(stack.now() - since)}s] anchored)) > 0"
    )
    return {one.labels["error_type"]: one.values[0] for one in series}


def test_invocations_errors_and_throttles_are_counted_exactly(stack: Stack, sent: Sent) -> None:
    sent.send(stack, [{}] * 17 + [{"raise": "no"}] * 3 + [{"sleep": 2}] * 2)
    sent.send(stack, [{"sleep": 0.5}] * 12, at_once=12)

    assert sent.throttles > 0
    sent.assert_shown(stack)
    assert errors_by_type(stack, sent.since) == {"ValueError": 3, "Sandbox.Timedout": 2}


def test_counts_include_rollout(stack: Stack, sent: Sent) -> None:
    sent.send(stack, [{}] * 7 + [{"raise": "no"}])
    kubectl("-n", "lambda", "rollout", "restart", f"deployment/{SUBJECT}")
    kubectl("-n", "lambda", "rollout", "status", f"deployment/{SUBJECT}", "--timeout=60s")
    sent.send(stack, [{}] * 9 + [{"raise": "no"}] * 2)

    sent.assert_shown(stack)
    assert stack.stat(query("Restarts"), sent.since) == 0


def test_counts_include_container_restart(stack: Stack, sent: Sent) -> None:
    sent.send(stack, [{}] * 3 + [{"raise": "no"}])
    end = ("python", "-c", "import os; os.kill(1, 15)")
    kubectl("-n", "lambda", "exec", f"deployment/{SUBJECT}", "--", *end)
    restarts = "jsonpath={.items[*].status.containerStatuses[*].restartCount}"
    wait_until(lambda: kubectl("get", "pods", *POD, "-o", restarts) == "1", "the restart", 60)
    kubectl("wait", "pods", *POD, "--for=condition=Ready", "--timeout=60s")
    sent.send(stack, [{}] * 8 + [{"raise": "no"}])

    sent.assert_shown(stack)
    wait_until(lambda: stack.stat(query("Restarts"), sent.since) == 1, "one restart shown", 60)


def test_invocation_is_counted_within_five_seconds(stack: Stack, sent: Sent) -> None:
    stack.invoke()

    wait_until(lambda: stack.stat(query("Invocations"), sent.since) == 1, "the invocation", 5)


def test_duration_in_graph_links_to_invocation(stack: Stack, sent: Sent) -> None:
    responses = stack.invoke_many([{"sleep": 0.1}] * 3)
    sent_ids = {response.headers["x-amzn-requestid"] for response in responses}
    buckets = f'lambda_duration_seconds_bucket{{service_name="{SUBJECT}"}}'

    def shown() -> set[str]:
        time = Range(sent.since, stack.now())
        return {labels["request_id"] for labels in stack.exemplars(buckets, time)}

    wait_until(lambda: sent_ids & shown(), "an exemplar of one of them", 30)
    # A bucket keeps one exemplar, and only this test invokes the subject.
    assert shown() <= sent_ids


@pytest.mark.parametrize(
    "counter", ["lambda_invocations_total", "loki_distributor_lines_received_total"]
)
def test_counter_is_zero_before_first_increment(stack: Stack, counter: str) -> None:
    stack.invoke()

    wait_until(lambda: stack.metrics(f"min_over_time({counter}[1d]) == 0"), counter, 60)


@pytest.mark.parametrize(
    "metric", ["container_memory_working_set_bytes", "container_cpu_usage_seconds_total"]
)
def test_container_memory_and_cpu_are_measured(stack: Stack, metric: str) -> None:
    selected = f'{metric}{{service_name="{SUBJECT}"}}'

    wait_until(lambda: [s for s in stack.metrics(selected) if s.values[0] > 0], metric, 60)
