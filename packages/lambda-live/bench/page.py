"""Measures what the open page costs the service, and how long it blocks the browser."""

import http.client
import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Page

from bench import peers
from bench.client import PATH, Client
from bench.load import Load, generate
from bench.scale import Scale
from bench.server import Server, free_port
from bench.table import Row
from support import browser as browsers

MIN_THROUGHPUT_RATIO = 0.95
"""Throughput with the page open, divided by the throughput without."""

MAX_TASK_MS = 200.0
"""How long a task of the page may block the browser."""

_CONNECTIONS = 50
_ENVIRONMENTS = 4
_REQUESTS_PER_SECOND = 200
_OBSERVER_SCRIPT = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask" });
"""


@contextmanager
def _subscribed(admin_port: int) -> Iterator[None]:
    """Read the event stream, as an open page does."""
    command = ["curl", "--silent", "--no-buffer", f"http://127.0.0.1:{admin_port}/api/feed"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as subscriber:
        try:
            yield
        finally:
            subscriber.terminate()


def _throughput(directory: Path, version: int, scale: Scale) -> Row:
    """
    Measure one service with and without an open page in turns.

    Two services at the same time would compete for the processor.
    """
    opened: list[float] = []
    closed: list[float] = []
    admin_port = free_port()
    with peers.run_local(directory, concurrency=_ENVIRONMENTS, admin=admin_port) as server:
        load = Load(server.port, scale.requests_per_round, _CONNECTIONS, version)
        generate(load)
        for _ in range(scale.rounds):
            closed.append(generate(load).per_second)
            with _subscribed(admin_port):
                opened.append(generate(load).per_second)
    ratio = statistics.median(one / other for one, other in zip(opened, closed, strict=True))
    return Row(
        "50 connections, the page open",
        f"{statistics.median(opened):.0f}/s",
        ratio=f"{ratio:.2f} × closed",
        target=f"≥ {MIN_THROUGHPUT_RATIO:g} × closed",
        reached=ratio >= MIN_THROUGHPUT_RATIO,
    )


def _longest_task(directory: Path, version: int, scale: Scale) -> Row:
    figure, must = f"longest task at {_REQUESTS_PER_SECOND}/s", f"≤ {MAX_TASK_MS:.0f} ms"
    executable = browsers.find_browser()
    if executable is None:
        return Row(figure, "no browser found", target=must)
    admin_port = free_port()
    with ExitStack() as stack:
        server = stack.enter_context(peers.run_local(directory, admin=admin_port))
        browser = stack.enter_context(browsers.launch(executable))
        page = stack.enter_context(browsers.open_page(browser, f"http://127.0.0.1:{admin_port}"))
        Client(server.port).wait_for(f"v{version}: ", {"message": "hello"})
        longest, rate = _observe(page, server, scale.page_seconds)
    return Row(
        figure, f"{longest:.0f} ms at {rate:.0f}/s", target=must, reached=longest <= MAX_TASK_MS
    )


def _observe(page: Page, server: Server, seconds: float) -> tuple[float, float]:
    """Send requests; return the longest task in milliseconds and the requests per second."""
    page.evaluate(_OBSERVER_SCRIPT)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    body = json.dumps({"message": "hello"})
    started, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < seconds:
        connection.request("POST", PATH, body)
        connection.getresponse().read()
        sent += 1
        time.sleep(max(0.0, sent / _REQUESTS_PER_SECOND - elapsed))
    connection.close()
    return float(page.evaluate("window.longest")), sent / seconds


def measure(directory: Path, version: int, scale: Scale) -> list[Row]:
    """Return the throughput with the page open and closed, and the page's longest task."""
    return [_throughput(directory, version, scale), _longest_task(directory, version, scale)]
