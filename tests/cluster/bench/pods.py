"""
Measure the throughput of several pods: `make bench-cluster` prints it last.

The figures have no limit, because on a machine with few cores the pods share them.
"""

import statistics
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from bench.load import Load, Outcome, generate
from bench.table import format_table
from tests.cluster.support.scaled import check, let_autoscaler_choose, scale, wait_for_pods
from tests.cluster.support.workspace import CODE, TEXT, URL, Tilt, Workspace

_PODS = (1, 2, 4)
_HEAD = ("pods", "50 connections", "median", "p99", "lost")
_CONNECTIONS = 50
_REQUESTS = 2_000
_ROUNDS = 3
_TEXT = "v0"
"""The text that each response must contain."""


def _measure(pods: int) -> tuple[str, ...]:
    scale(pods)
    wait_for_pods(pods)
    load = Load(urlsplit(URL).port or 0, _REQUESTS, _CONNECTIONS)
    generate(load)
    return _row(pods, [generate(load) for _ in range(_ROUNDS)])


def _row(pods: int, outcomes: list[Outcome]) -> tuple[str, ...]:
    return (
        str(pods),
        f"{statistics.median(each.per_second for each in outcomes):.0f}/s",
        f"{statistics.median(each.median_ms for each in outcomes):.1f} ms",
        f"{statistics.median(each.p99_ms for each in outcomes):.1f} ms",
        str(sum(each.lost + each.wrong for each in outcomes)),
    )


def main() -> None:
    """Print a row for each number of pods."""
    with tempfile.TemporaryDirectory(prefix="lambda-bench-") as directory:
        workspace = Workspace(Path(directory))
        with Tilt(workspace, "--scaled"):
            workspace.edit(CODE, TEXT, _TEXT)
            check(workspace, "--code").check_returncode()
            rows = [_measure(pods) for pods in _PODS]
            let_autoscaler_choose()
    sys.stdout.write(format_table(_HEAD, rows) + "\n")


if __name__ == "__main__":
    main()
