"""`python -m bench`: every figure against its peers, as a table."""

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bench import (
    cold_start,
    consistency,
    imports,
    memory,
    page,
    peers,
    person,
    project,
    reload,
    table,
    throughput,
)
from bench.scale import QUICK, Scale

_NOTES = """\
lambda_live, the emulator (aws-lambda-rie of aws-sam-cli, with awslambdaric, outside a container)
and smyth run the same function. The servers take turns; figures are medians of the rounds, a ratio
is the median of the rounds' ratios.
limit: for a save, `python -c` with its imports; for requests, uvicorn alone.
cold start: after the handler has ended its process; the emulator's first start takes longer."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure lambda_live against its peers; exit 1 if a figure is missed.",
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to try it out")
    parser.add_argument("--only", choices=_PARTS, action="append", help="that part, and no other")
    return parser


type _Measure = Callable[[Path, int, Scale], list[table.Row]]
"""Is given the version of the function that is saved in the directory."""

_PARTS: Mapping[str, _Measure] = {
    "saves": lambda directory, _, scale: reload.measure(directory, scale),
    "imports": lambda directory, _, scale: imports.measure(directory, scale),
    "cold-starts": lambda directory, _, scale: cold_start.measure(directory, scale),
    "throughput": throughput.measure,
    "page": page.measure,
    "consistency": consistency.measure,
    "memory": memory.measure,
    "person": lambda directory, _, scale: person.measure(directory, scale),
}


def _saves(part: str, scale: Scale) -> int:
    """Return how many versions a part leaves behind."""
    made = {"saves": scale.saves + scale.peer_saves, "consistency": scale.storm_edits}
    return made.get(part, 0)


def _measure(directory: Path, scale: Scale, parts: Iterable[str]) -> list[table.Row]:
    begin, version, rows = time.monotonic(), 0, []
    for part in parts:
        print(f"[{time.monotonic() - begin:4.0f} s] {part}", file=sys.stderr, flush=True)
        rows += _PARTS[part](directory, version, scale)
        version += _saves(part, scale)
    print(f"[{time.monotonic() - begin:4.0f} s] done", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    """Print the table; return 1 if a figure was missed."""
    given = _parser().parse_args()
    scale = QUICK if given.quick else Scale()
    with tempfile.TemporaryDirectory(prefix="lambda-bench-") as directory:
        rows = _measure(project.make(Path(directory)), scale, given.only or _PARTS)
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    print(f"{system}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}\n")
    print(table.text(rows))
    print(f"\n{_NOTES}")
    if peers.emulator_binary() is None:
        print("AWS builds its emulator for Linux alone: on this machine it can't be measured.")
    missed = [row.figure for row in rows if row.reached is False]
    if missed:
        print(f"missed: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
