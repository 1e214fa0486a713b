"""
What grows in long use: half the load that it bears, a save each 10 s, a crash each 30 s.

`python -m bench.soak [MINUTES]`, 30 by default. Exits with 1 if something grew or was lost.
"""

import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import psutil

from support.local_lambda import LocalLambda
from support.project import write_project

_CLIENTS = 4
_SAVE_EACH = 10.0
_CRASH_EACH = 30.0
_SAMPLES = 30
_TRIAL = 5.0
_SOURCE = """
import os

VERSION = {version}

def handler(event, context):
    if event == "crash":
        os._exit(1)
    print(event)
    return [VERSION, event]
"""
_MAY_GROW = {"memory_mb": 5, "descriptors": 8, "processes": 1, "threads": 4, "disk_mb": 1}
"""By how much the last third may be above the first: what is in use at a moment varies."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the service has at one moment; its answers are those until then."""

    minutes: float
    answers: int
    memory_mb: float
    descriptors: int
    processes: int
    threads: int
    disk_mb: float


class Clients:
    """Ask at a pace of so many a second, all together; None for as many as they can."""

    def __init__(self, service: LocalLambda) -> None:
        self._service = service
        self.saved = 0
        self.answers = 0
        self.wrong: list[str] = []

    def run(self, seconds: float, pace: float | None) -> None:
        """Return when the time is over."""
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._ask, args=(end, pace and _CLIENTS / pace))
            for _ in range(_CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, end: float, pause: float | None) -> None:
        due = time.monotonic()
        while due < end:
            self._once()
            due = time.monotonic() if pause is None else due + pause
            time.sleep(max(0.0, due - time.monotonic()))

    def _once(self) -> None:
        saved, number = self.saved, self.answers
        try:
            answer = self._service.invoke(number)
        except OSError as error:
            self.wrong.append(repr(error))
            return
        self.answers += 1
        value = answer.json()
        if answer.status != 200 or value[1] != number or value[0] < saved:  # noqa: PLR2004  # HTTP's
            self.wrong.append(answer.body.decode("utf-8", "replace"))


def _sample(service: LocalLambda, clients: Clients, began: float) -> Sample:
    process = psutil.Process(service.pid)
    disk = sum(path.stat().st_size for path in service.project.rglob("*") if path.is_file())
    return Sample(
        (time.monotonic() - began) / 60,
        clients.answers,
        process.memory_info().rss / 2**20,
        process.num_fds(),
        len(service.processes()),
        process.num_threads(),
        disk / 2**20,
    )


def _disturb(service: LocalLambda, clients: Clients, over: threading.Event) -> None:
    """Save and crash until it is over."""
    saves = crashes = 0
    began = time.monotonic()
    while not over.wait(0.2):
        elapsed = time.monotonic() - began
        if elapsed > (saves + 1) * _SAVE_EACH:
            saves += 1
            write_project(service.project, {"function/app.py": _SOURCE.format(version=saves)})
            clients.saved = saves
        if elapsed > (crashes + 1) * _CRASH_EACH:
            crashes += 1
            error = json.loads(service.invoke("crash").body)
            if error["errorType"] != "Runtime.ExitError":
                clients.wrong.append(str(error))


def _grew(samples: Sequence[Sample]) -> list[str]:
    third = max(1, len(samples) // 3)
    grown = []
    for name, most in _MAY_GROW.items():
        first, last = (
            statistics.median(getattr(each, name) for each in part)
            for part in (samples[:third], samples[-third:])
        )
        if last - first > most:
            grown.append(f"{name}: {first:.1f} to {last:.1f}")
    return grown


def _soak(service: LocalLambda, seconds: float) -> list[str]:
    clients = Clients(service)
    clients.run(_TRIAL, None)
    pace = clients.answers / _TRIAL / 2
    print(f"{pace:.0f} invocations a second, half of what it bears here")
    over, samples, began = threading.Event(), [], time.monotonic()
    disturbing = threading.Thread(target=_disturb, args=(service, clients, over))
    disturbing.start()
    print("  ".join(f"{field.name:>11}" for field in fields(Sample)))
    for _ in range(_SAMPLES):
        clients.run(seconds / _SAMPLES, pace)
        service.lines.clear()  # they are this process's memory
        samples.append(_sample(service, clients, began))
        print("  ".join(f"{value:>11.1f}" for value in astuple(samples[-1])), flush=True)
    over.set()
    disturbing.join()
    return [*_grew(samples), *(f"wrong: {each}" for each in clients.wrong)]


def main() -> None:
    """Print the table."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        source = _SOURCE.format(version=0)
        write_project(project, {"function/__init__.py": "", "function/app.py": source})
        with closing(LocalLambda(project, "--concurrency=4")) as service:
            service.wait_until_ready()
            failures = _soak(service, minutes * 60)
    print("\n".join(failures[:20]) or "nothing grew, nothing was lost")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
