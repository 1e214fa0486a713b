"""
How cost grows with the number of environments, files and events: `python -m bench.growth`.

The figures have no targets. They show what is linear and what is not.
"""

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from bench import peers, project, reload
from bench.client import Client
from bench.load import Load, generate
from bench.project import REPOSITORY
from bench.server import Server
from bench.table import format_table

_CONNECTIONS = 50
_REQUESTS = 2_000
_ROUNDS = 3
_SAVES = 10
_FILES_PER_FOLDER = 100
_EVENT = {"message": "hello"}

type Cells = tuple[str, ...]


def _memory_bytes(server: Server) -> int:
    """Return the memory of all processes of the service; shared pages count once."""
    total = 0
    for process in psutil.Process(server.pid).children(recursive=True):
        used = process.memory_full_info()
        total += getattr(used, "pss", used.uss)
    return total


def _environments(directory: Path, number: int) -> Cells:
    """Measure requests to a number of busy environments."""
    with peers.run_local(directory, concurrency=number) as server:
        Client(server.port).wait_for("v0: ", _EVENT)
        load = Load(server.port, _REQUESTS, _CONNECTIONS)
        generate(load)
        outcomes = [generate(load) for _ in range(_ROUNDS)]
        memory = _memory_bytes(server)
    return (
        f"{statistics.median(each.per_second for each in outcomes):.0f}/s",
        f"{statistics.median(each.median_ms for each in outcomes):.1f} ms",
        f"{statistics.median(each.p99_ms for each in outcomes):.1f} ms",
        f"{memory / 2**20:.0f} MiB",
        str(sum(each.lost + each.wrong for each in outcomes)),
    )


def _files(directory: Path, number: int) -> Cells:
    """Measure saves, and requests without a save, with a number of code files."""
    for index in range(number):
        folder = directory / "subject" / f"part_{index // _FILES_PER_FOLDER:03d}"
        folder.mkdir(exist_ok=True)
        (folder / f"module_{index:05d}.py").write_text(f"NUMBER = {index}\n")
    edited = project.VersionedHandler(project.handler_file(directory))
    with peers.run_local(directory) as server:
        saves = reload.measure_saves(server, edited, _SAVES, 0.6)
        load = Load(server.port, _REQUESTS, version=edited.version)
        generate(load)
        median = statistics.median(generate(load).median_ms for _ in range(_ROUNDS))
    return (f"{statistics.median(saves):.0f} ms", f"{max(saves):.0f} ms", f"{median:.2f} ms")


def _events(directory: Path, number: int) -> Cells:
    """Measure `scripts/check` with a number of events."""
    events = [directory / "events" / f"event_{index:03d}.json" for index in range(number)]
    (directory / "events" / "expected").mkdir(parents=True)
    for event in events:
        event.write_text(json.dumps(_EVENT))
    times = []
    with peers.run_local(directory, concurrency=4) as server:
        Client(server.port).wait_for("v0: ", _EVENT)
        command = [
            str(REPOSITORY / "scripts" / "check"),
            "--url",
            f"http://127.0.0.1:{server.port}",
        ]
        for option in ("--accept", *["--quiet"] * _ROUNDS):
            start = time.perf_counter()
            subprocess.run(
                [*command, "--no-wait", option, *events], stdout=subprocess.DEVNULL, check=True
            )
            times.append((time.perf_counter() - start) * 1000)
    median = statistics.median(times[1:])
    return (f"{median:.0f} ms", f"{median / number:.1f} ms")


_SUBJECTS: Sequence[tuple[tuple[str, ...], Sequence[int], Callable[[Path, int], Cells]]] = (
    (
        ("environments", "50 connections", "median", "p99", "memory with a standby", "lost"),
        (1, 2, 4, 8),
        _environments,
    ),
    (
        ("files", "save → response, median", "longest", "request without a save, median"),
        (10, 1_000, 10_000),
        _files,
    ),
    (("events", "all checks", "each"), (1, 10, 100), _events),
)


def main() -> None:
    """Print a table for each subject."""
    for head, numbers, measure in _SUBJECTS:
        rows = []
        for number in numbers:
            with tempfile.TemporaryDirectory(prefix="lambda-growth-") as directory:
                rows.append(
                    (f"{number:,}", *measure(project.create_project(Path(directory)), number))
                )
        print(format_table(head, rows), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
