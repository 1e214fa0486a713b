"""
Measure cost and delay of monitoring in a running cluster: `make bench-monitoring`.

It deploys the stack again, waits ten minutes, and then sends load. It prints a line with the limit
for each figure.
"""

import asyncio
import random
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from support.project import machine
from support.waiting import wait_until
from tests.cluster.support.stack import SUBJECT, Stack, connected, deployed_subject, kubectl
from tests.environment.support.dashboard import query

STACK = Path("k8s/monitoring")
WORKLOADS = (
    "deployment/loki",
    "deployment/prometheus",
    "deployment/grafana",
    "daemonset/collector",
)
PORT = int(machine()["FUNCTION_PORT"])
IDLE = 600
LOAD = 60
RATE = 1000
LINES = 4
"""The lines of one invocation with events/event.json: three of the platform's, and its own."""

EVENT = Path("events/event.json").read_bytes()
REQUEST = (
    b"POST /2015-03-31/functions/function/invocations HTTP/1.1\r\n"
    b"Host: function\r\nContent-Length: %d\r\n\r\n%s" % (len(EVENT), EVENT)
)


def main() -> None:
    """Measure."""
    _say(f"{'ready after apply':42} {_ready():8.1f} s     (at most 30)")
    time.sleep(IDLE)
    _tell_memory(f"after {IDLE // 60} min idle")
    with connected() as stack, deployed_subject():
        _tell("invocation until its line is in Loki", _seconds_until_stored(stack), "2, max 5")
        _tell("invocation until Prometheus counts it", _seconds_until_counted(stack), "5")
        _load(stack)
        _flood(stack)
    _tell_memory("after the load")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _tell(what: str, seconds: list[float], most: str) -> None:
    median, worst = statistics.median(seconds), max(seconds)
    rest = f"median of {len(seconds)}, max {worst:.2f} (at most {most})"
    _say(f"{what:42} {median:8.2f} s     {rest}")


def _ready() -> float:
    """Return the seconds from `kubectl apply` to the readiness of all, with the images at hand."""
    kubectl("delete", "-k", str(STACK), "--ignore-not-found", "--wait")
    start = time.monotonic()
    kubectl("apply", "-k", str(STACK))
    for workload in WORKLOADS:
        namespace = "collector" if "collector" in workload else "monitoring"
        kubectl("-n", namespace, "rollout", "status", workload, "--timeout=120s")
    return time.monotonic() - start


def _tell_memory(when: str) -> None:
    """Print the pods' working sets, which the kubelet measures."""
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    text = kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/metrics/resource")
    used: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("container_memory_working_set_bytes{"):
            labels, value = line.rsplit("}", 1)
            if 'namespace="monitoring"' in labels or 'namespace="collector"' in labels:
                used[labels.split('container="')[1].split('"')[0]] = float(value.split()[0]) / 1e6
    each = ", ".join(f"{name} {size:.0f}" for name, size in sorted(used.items()))
    _say(f"{'memory ' + when:42} {sum(used.values()):8.0f} MB    {each} (at most 600)")


def _seconds_until(condition: Callable[[], object]) -> float:
    start = time.monotonic()
    wait_until(condition, "the figure", 60)
    return time.monotonic() - start


def _seconds_until_stored(stack: Stack) -> list[float]:
    def once() -> float:
        text = uuid.uuid4().hex
        stack.invoke({"print": text})
        return _seconds_until(lambda: stack.logs(f'{{service_name="{SUBJECT}"}} |= "{text}"'))

    return [once() for _ in range(30)]


def _seconds_until_counted(stack: Stack) -> list[float]:
    def once() -> float:
        stack.wait_until_scraped()
        time.sleep(random.uniform(0, 2))  # noqa: S311  # only not to be in step with the scrapes
        since = stack.now()
        stack.invoke()
        return _seconds_until(lambda: stack.stat(query("Invocations"), since) == 1)

    return [once() for _ in range(30)]


def _load(stack: Stack) -> None:
    """Send for a minute; compare the responses with what was counted and what was stored."""
    stack.wait_until_scraped("function")
    begin = stack.now()
    sent = asyncio.run(_send())
    total = 'sum(count_over_time({{service_name="function"}} | request_id!="" {} [{}s]))'

    def stored(condition: str = "") -> int:
        return stack.count_logs(total.format(condition, round(stack.now() - begin) + 1))

    late = _seconds_until(lambda: stored() >= LINES * sent)
    stack.wait_until_scraped("function")
    counted = stack.stat(query("Invocations"), begin, "function")
    reports = stored('| type="platform.report"')
    _say(
        f"{'successful invocations in a minute':42} {sent:8}       {sent / LOAD:.0f}/s of {RATE}/s"
    )
    _say(f"{'counted by Prometheus':42} {counted:8.0f}")
    _say(f"{'reports in Loki':42} {reports:8}")
    _say(f"{'lines in Loki':42} {stored():8}       of {LINES * sent}, {late:.1f} s after the last")


def _flood(stack: Stack) -> None:
    """Print as many lines as RATE invocations a second do, where this machine can't run so many."""
    run, lines = uuid.uuid4().hex, LINES * RATE * LOAD
    events = [
        {"print": "\n".join(f"{run} {first + line} of many" for line in range(500))}
        for first in range(0, lines, 500)
    ]
    start, begin = time.monotonic(), stack.now()
    for number, event in enumerate(events):
        time.sleep(max(0, start + number * LOAD / len(events) - time.monotonic()))
        stack.invoke(event)
    took = time.monotonic() - start

    def stored() -> int:
        span = round(stack.now() - begin) + 1
        count = f'sum(count_over_time({{service_name="{SUBJECT}"}} |= "{run}" [{span}s]))'
        return stack.count_logs(count)

    late = _seconds_until(lambda: stored() >= lines)
    rest = f"of {lines}, {lines / took:.0f}/s, {late:.1f} s after the last"
    _say(f"{'lines in Loki, of few invocations':42} {stored():8}       {rest}")


async def _send() -> int:
    """Invoke at the rate, or as fast as it goes; return how many had status 200."""
    start = time.monotonic()
    due = succeeded = 0

    async def client() -> None:
        nonlocal due, succeeded
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        while (at := due / RATE) < LOAD and time.monotonic() - start < LOAD:
            due += 1
            await asyncio.sleep(start + at - time.monotonic())
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            await reader.readexactly(length)
            succeeded += head.startswith(b"HTTP/1.1 200")
        writer.close()

    await asyncio.gather(*(client() for _ in range(10)))
    return succeeded


if __name__ == "__main__":
    main()
