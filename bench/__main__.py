"""`python -m bench`: every figure against its peers, as a table."""

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path

from bench import (
    cold_start,
    consistency,
    imports,
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
lambda_local, the emulator (aws-lambda-rie of aws-sam-cli, with awslambdaric, outside a container)
and smyth run the same function. The servers take turns; figures are medians of the rounds, a ratio
is the median of the rounds' ratios.
limit: for a save, `python -c` with its imports; for requests, uvicorn alone.
cold start: after the handler has ended its process; the emulator's first start takes longer."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure lambda_local against its peers; exit 1 if a figure is missed.",
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, to try it out")
    return parser


def _measure(directory: Path, scale: Scale) -> list[table.Row]:
    begin = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - begin:4.0f} s] {what}", file=sys.stderr, flush=True)

    say("saves")
    rows = reload.measure(directory, scale)
    say("saves with slow imports")
    rows += imports.measure(directory, scale)
    say("cold starts")
    rows += cold_start.measure(directory, scale)
    version = scale.saves + scale.peer_saves
    say("requests a second")
    rows += throughput.measure(directory, version, scale)
    say("the page")
    rows += page.measure(directory, version, scale)
    say("edits under load")
    rows += consistency.measure(directory, version, scale)
    say("memory")
    rows += memory.measure(directory, version + scale.storm_edits, scale)
    say("done")
    return rows


def main() -> int:
    """Print the table; return 1 if a figure was missed."""
    scale = QUICK if _parser().parse_args().quick else Scale()
    with tempfile.TemporaryDirectory(prefix="lambda-bench-") as directory:
        rows = _measure(project.make(Path(directory)), scale)
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
