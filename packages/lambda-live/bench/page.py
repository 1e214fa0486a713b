"""What the function's page costs: the service's throughput, and the browser's patience."""

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

WATCHED = 0.95
LONGEST_TASK = 200.0
"""Milliseconds that the page may be busy at a stretch."""

_CONNECTIONS = 50
_ENVIRONMENTS = 4
_RATE = 200
_OBSERVE = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const task of list.getEntries()) window.longest = Math.max(window.longest, task.duration);
}).observe({ type: "longtask" });
"""


@contextmanager
def _watched(admin: int) -> Iterator[None]:
    """Read the stream that an open page reads."""
    command = ["curl", "--silent", "--no-buffer", f"http://127.0.0.1:{admin}/api/feed"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as reader:
        try:
            yield
        finally:
            reader.terminate()


def _throughput(directory: Path, version: int, scale: Scale) -> Row:
    """One service, watched and alone by turns, as both would not be on one core."""
    speeds: dict[bool, list[float]] = {False: [], True: []}
    admin = free_port()
    with peers.local(directory, concurrency=_ENVIRONMENTS, admin=admin) as server:
        load = Load(server.port, scale.requests_a_round, _CONNECTIONS, version)
        generate(load)
        for _ in range(scale.rounds):
            speeds[False].append(generate(load).per_second)
            with _watched(admin):
                speeds[True].append(generate(load).per_second)
    pairs = zip(speeds[True], speeds[False], strict=True)
    ratio = statistics.median(watched / alone for watched, alone in pairs)
    return Row(
        "50 connections, the page open",
        f"{statistics.median(speeds[True]):.0f}/s",
        ratio=f"{ratio:.2f} × closed",
        must=f"≥ {WATCHED:g} × closed",
        reached=ratio >= WATCHED,
    )


def _longest_task(directory: Path, version: int, scale: Scale) -> Row:
    figure, must = f"longest task at {_RATE}/s", f"≤ {LONGEST_TASK:.0f} ms"
    executable = browsers.find()
    if executable is None:
        return Row(figure, "no browser here", must=must)
    admin = free_port()
    with ExitStack() as stack:
        server = stack.enter_context(peers.local(directory, admin=admin))
        browser = stack.enter_context(browsers.running(executable))
        page = stack.enter_context(browsers.opened(browser, f"http://127.0.0.1:{admin}"))
        Client(server.port).wait_for(f"v{version}: ", {"message": "hello"})
        longest, rate = _observed(page, server, scale.page_seconds)
    return Row(
        figure, f"{longest:.0f} ms at {rate:.0f}/s", must=must, reached=longest <= LONGEST_TASK
    )


def _observed(page: Page, server: Server, seconds: float) -> tuple[float, float]:
    """Return the longest task in milliseconds, and how many requests a second there were."""
    page.evaluate(_OBSERVE)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    body = json.dumps({"message": "hello"})
    begin, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begin) < seconds:
        connection.request("POST", PATH, body)
        connection.getresponse().read()
        sent += 1
        time.sleep(max(0.0, sent / _RATE - passed))
    connection.close()
    return float(page.evaluate("window.longest")), sent / seconds


def measure(directory: Path, version: int, scale: Scale) -> list[Row]:
    """Requests a second with the page open and closed; the page's longest task."""
    return [_throughput(directory, version, scale), _longest_task(directory, version, scale)]
