"""`python -m bench`: run all benchmarks, and print one table."""

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
    interaction,
    memory,
    page,
    peers,
    project,
    reload,
    table,
    throughput,
)
from bench.scale import QUICK, Scale

_NOTES = """\
All servers run the same function. "emulator" is aws-lambda-rie of aws-sam-cli with awslambdaric,
outside a container. The servers take turns. Figures are medians of the rounds; a ratio is the
median of the rounds' ratios.
limit: `python -c` with the same imports for a save, uvicorn without an application for requests.
cold start: after the handler has exited. The emulator's first start takes longer."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Run the benchmarks; exit with 1 if a target is missed.",
    )
    parser.add_argument("--quick", action="store_true", help="run a tenth of the work")
    parser.add_argument(
        "--only", choices=_PARTS, action="append", help="run this part; can be repeated"
    )
    return parser


type _Measure = Callable[[Path, int, Scale], list[table.Row]]
"""Takes the project, the version of the function that is saved in it, and the scale."""

_PARTS: Mapping[str, _Measure] = {
    "saves": lambda directory, _, scale: reload.measure(directory, scale),
    "imports": lambda directory, _, scale: imports.measure(directory, scale),
    "cold-starts": lambda directory, _, scale: cold_start.measure(directory, scale),
    "throughput": throughput.measure,
    "page": page.measure,
    "consistency": consistency.measure,
    "memory": memory.measure,
    "interaction": lambda directory, _, scale: interaction.measure(directory, scale),
}


def _saves(part: str, scale: Scale) -> int:
    """Return how many versions of the function a part saves."""
    saves = {"saves": scale.saves + scale.peer_saves, "consistency": scale.consistency_edits}
    return saves.get(part, 0)


def _measure(directory: Path, scale: Scale, parts: Iterable[str]) -> list[table.Row]:
    start, version, rows = time.monotonic(), 0, []
    for part in parts:
        print(f"[{time.monotonic() - start:4.0f} s] {part}", file=sys.stderr, flush=True)
        rows += _PARTS[part](directory, version, scale)
        version += _saves(part, scale)
    print(f"[{time.monotonic() - start:4.0f} s] done", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    """Print the table; return 1 if a target was missed."""
    args = _parser().parse_args()
    scale = QUICK if args.quick else Scale()
    with tempfile.TemporaryDirectory(prefix="lambda-bench-") as directory:
        rows = _measure(project.create_project(Path(directory)), scale, args.only or _PARTS)
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    print(f"{system}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}\n")
    print(table.format_rows(rows))
    print(f"\n{_NOTES}")
    if peers.emulator_binary() is None:
        print("The emulator was not measured: it is not installed. AWS builds it for Linux only.")
    missed = [row.figure for row in rows if row.reached is False]
    if missed:
        print(f"targets missed: {'; '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
