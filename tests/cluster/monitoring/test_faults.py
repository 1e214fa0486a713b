"""Outages of Loki and Prometheus lose no data and do not affect the function."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from support.waiting import wait_until
from tests.cluster.support.stack import Stack, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("subject")]

EVENTS = 100


@contextmanager
def down(deployment: str) -> Iterator[None]:
    scale(deployment, 0)
    pods = f"--selector=app.kubernetes.io/name={deployment}"
    kubectl("-n", "monitoring", "wait", "pods", pods, "--for=delete", "--timeout=60s")
    try:
        yield
    finally:
        scale(deployment, 1)
        wanted = ("rollout", "status", "deployment", deployment, "--timeout=90s")
        kubectl("-n", "monitoring", *wanted)


def scale(deployment: str, replicas: int) -> None:
    kubectl("-n", "monitoring", "scale", "deployment", deployment, f"--replicas={replicas}")


def test_lines_written_while_loki_is_down_arrive_once(stack: Stack) -> None:
    run = uuid.uuid4().hex
    texts = [f"{run} {number:05}" for number in range(EVENTS)]

    with down("loki"):
        responses = stack.invoke_many([{"print": text} for text in texts])

    assert [response.body for response in responses] == [b'"done"'] * EVENTS

    def stored() -> list[str]:
        query = f'{{service_name="subject"}} |= "{run}"'
        return sorted(line.json()["record"] for line in stack.logs(query))

    wait_until(lambda: len(stored()) >= EVENTS, "every line", 60)
    assert stored() == texts


def test_invocations_while_prometheus_is_down_are_counted(stack: Stack) -> None:
    counted = 'sum(lambda_invocations_total{function_name="subject"})'
    stack.invoke()
    stack.wait_until_scraped()
    before = stack.metric(counted)

    with down("prometheus"):
        responses = stack.invoke_many([{}] * EVENTS)

    assert [response.body for response in responses] == [b'"done"'] * EVENTS
    wait_until(lambda: stack.metrics(counted), "a scrape after it", 60)
    wait_until(lambda: stack.metric(counted) >= before + EVENTS, "all of them", 60)
    assert stack.metric(counted) == before + EVENTS
