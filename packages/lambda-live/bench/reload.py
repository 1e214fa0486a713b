"""Time from a save to the first response of the new code."""

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import peers, project
from bench.client import Client
from bench.scale import Scale
from bench.server import Server
from bench.table import Row

MAX_MEDIAN_MS = 120.0
MAX_PERCENTILE_95_MS = 200.0
_EVENT = {"message": "hello"}


def measure_saves(
    server: Server, edited: project.VersionedHandler, number: int, pause: float
) -> list[float]:
    """Return the milliseconds from each save to the first response of the new code."""
    client = Client(server.port)
    client.wait_for(f"v{edited.version}: ", _EVENT)
    times = []
    for _ in range(number):
        time.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311  # not in step with a polling interval
        start = time.perf_counter()
        edited.save()
        end = client.wait_for(f"v{edited.version}: ", _EVENT)
        times.append((end - start) * 1000)
    client.close()
    return times


def _import_ms(directory: Path, number: int) -> float:
    times = []
    for _ in range(number):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import subject.app"], cwd=directory, check=True)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def _percentile_95(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20)[-1]


def measure(directory: Path, scale: Scale) -> list[Row]:
    """Measure lambda_live and smyth."""
    edited = project.VersionedHandler(project.handler_file(directory))
    with peers.run_local(directory) as server:
        local = measure_saves(server, edited, scale.saves, 0.6)
    with peers.run_smyth(directory) as server:
        # it uses .pyc files, which Python compares by whole seconds
        smyth = measure_saves(server, edited, scale.peer_saves, 1.2)
    limit = f"{_import_ms(directory, 10):.0f} ms"
    median, late = statistics.median(local), _percentile_95(local)
    others = statistics.median(smyth), _percentile_95(smyth)
    return [
        Row(
            "save → response of the new code, median",
            f"{median:.0f} ms",
            "no reload",
            f"{others[0]:.0f} ms",
            limit,
            f"{median / others[0]:.2f} × smyth",
            f"≤ {MAX_MEDIAN_MS:.0f} ms",
            median <= MAX_MEDIAN_MS,
        ),
        Row(
            "save → response of the new code, 95th percentile",
            f"{late:.0f} ms",
            "no reload",
            f"{others[1]:.0f} ms",
            limit,
            f"{late / others[1]:.2f} × smyth",
            f"≤ {MAX_PERCENTILE_95_MS:.0f} ms",
            late <= MAX_PERCENTILE_95_MS,
        ),
    ]
