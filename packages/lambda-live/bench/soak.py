"""
Soak test: half the maximum load, a save every 10 s and a crash every 30 s.

`python -m bench.soak [MINUTES]`, 30 by default. Exits with 1 after growth or a failed request.
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

from support.lambda_service import LambdaService
from support.project import write_project

_CLIENTS = 4
_SAVE_INTERVAL_SECONDS = 10.0
_CRASH_INTERVAL_SECONDS = 30.0
_SAMPLES = 30
_CALIBRATION_SECONDS = 5.0
_SOURCE = """
import os

VERSION = {version}

def handler(event, context):
    if event == "crash":
        os._exit(1)
    print(event)
    return [VERSION, event]
"""
_MAX_GROWTH = {"memory_mb": 5, "descriptors": 8, "processes": 1, "threads": 4, "disk_mb": 1}
"""By how much the median of the last third may exceed that of the first."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Resources of the service at one moment, and the number of responses so far."""

    minutes: float
    responses: int
    memory_mb: float
    descriptors: int
    processes: int
    threads: int
    disk_mb: float


class Clients:
    """Threads that invoke the function, and check its responses."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self.saved_version = 0
        self.responses = 0
        self.errors: list[str] = []

    def run(self, seconds: float, pace: float | None) -> None:
        """Send `pace` requests per second, or as many as possible, for a time."""
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._send_until, args=(end, pace and _CLIENTS / pace))
            for _ in range(_CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_until(self, end: float, pause: float | None) -> None:
        due = time.monotonic()
        while due < end:
            self._send()
            due = time.monotonic() if pause is None else due + pause
            time.sleep(max(0.0, due - time.monotonic()))

    def _send(self) -> None:
        saved, number = self.saved_version, self.responses
        try:
            response = self._service.invoke(number)
        except OSError as error:
            self.errors.append(repr(error))
            return
        self.responses += 1
        value = response.json()
        if response.status != 200 or value[1] != number or value[0] < saved:  # noqa: PLR2004  # HTTP's OK
            self.errors.append(response.body.decode("utf-8", "replace"))


def _sample(service: LambdaService, clients: Clients, started_at: float) -> Sample:
    process = psutil.Process(service.pid)
    disk = sum(path.stat().st_size for path in service.project.rglob("*") if path.is_file())
    return Sample(
        (time.monotonic() - started_at) / 60,
        clients.responses,
        process.memory_info().rss / 2**20,
        process.num_fds(),
        len(service.processes()),
        process.num_threads(),
        disk / 2**20,
    )


def _save_and_crash(service: LambdaService, clients: Clients, over: threading.Event) -> None:
    """Save and crash until `over` is set."""
    saves = crashes = 0
    started_at = time.monotonic()
    while not over.wait(0.2):
        elapsed = time.monotonic() - started_at
        if elapsed > (saves + 1) * _SAVE_INTERVAL_SECONDS:
            saves += 1
            write_project(service.project, {"function/app.py": _SOURCE.format(version=saves)})
            clients.saved_version = saves
        if elapsed > (crashes + 1) * _CRASH_INTERVAL_SECONDS:
            crashes += 1
            error = json.loads(service.invoke("crash").body)
            if error["errorType"] != "Runtime.ExitError":
                clients.errors.append(str(error))


def _find_growth(samples: Sequence[Sample]) -> list[str]:
    third = max(1, len(samples) // 3)
    grown = []
    for name, most in _MAX_GROWTH.items():
        first, last = (
            statistics.median(getattr(each, name) for each in part)
            for part in (samples[:third], samples[-third:])
        )
        if last - first > most:
            grown.append(f"{name}: {first:.1f} to {last:.1f}")
    return grown


def _soak(service: LambdaService, seconds: float) -> list[str]:
    clients = Clients(service)
    clients.run(_CALIBRATION_SECONDS, None)
    pace = clients.responses / _CALIBRATION_SECONDS / 2
    print(f"{pace:.0f} invocations per second, half of the maximum")
    over, samples, started_at = threading.Event(), [], time.monotonic()
    disturbing = threading.Thread(target=_save_and_crash, args=(service, clients, over))
    disturbing.start()
    print("  ".join(f"{field.name:>11}" for field in fields(Sample)))
    for _ in range(_SAMPLES):
        clients.run(seconds / _SAMPLES, pace)
        service.lines.clear()  # they would use this process's memory
        samples.append(_sample(service, clients, started_at))
        print("  ".join(f"{value:>11.1f}" for value in astuple(samples[-1])), flush=True)
    over.set()
    disturbing.join()
    return [*_find_growth(samples), *(f"failed: {each}" for each in clients.errors)]


def main() -> None:
    """Print the samples, and the failures."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        source = _SOURCE.format(version=0)
        write_project(project, {"function/__init__.py": "", "function/app.py": source})
        with closing(LambdaService(project, "--concurrency=4")) as service:
            service.wait_until_ready()
            failures = _soak(service, minutes * 60)
    print("\n".join(failures[:20]) or "no growth, no failed request")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
