"""Measure the delay from a message to its function in the cluster: `make bench-cluster`."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from support.project import write_project
from support.waiting import wait_until
from tests.cluster.support.orders import FILES, Orders
from tests.cluster.support.workspace import Tilt, Workspace

_PROBES = 50
_MOST_MS = 150


def _delay_ms(orders: Orders, name: str) -> float:
    """Return the milliseconds from before SendMessage, through a port forward, to the handler."""
    sent_at = time.time()
    orders.send(name)
    item = wait_until(lambda: orders.get(name), name)
    return (float(item["received"]) - sent_at) * 1000


def main() -> int:
    """Measure; return 1 if the median exceeds its limit."""
    with tempfile.TemporaryDirectory(prefix="lambda-bench-") as directory:
        project = Path(directory, "project")
        write_project(project, FILES)
        workspace = Workspace(Path(directory, "workspace"), project, "messages")
        with Tilt(workspace):
            orders = Orders(workspace)
            orders.send("first")
            wait_until(lambda: orders.get("first"), "the first message")
            delays = [_delay_ms(orders, f"probe {number}") for number in range(_PROBES)]
        workspace.delete_namespace()
    median, p95 = statistics.median(delays), statistics.quantiles(delays, n=20)[-1]
    sys.stdout.write(
        f"message → handler: median {median:.0f} ms (at most {_MOST_MS}), p95 {p95:.0f} ms\n"
    )
    return median > _MOST_MS


if __name__ == "__main__":
    sys.exit(main())
