"""Times that a person notices: checks, terminal, replay and debugger. No alternative has these."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from bench.project import REPOSITORY
from bench.scale import Scale
from bench.table import Row
from support.debugger import Debugger
from support.http import request
from support.lambda_service import LambdaService
from support.project import write_project
from support.terminal import TerminalService
from support.waiting import wait_until

MAX_RETURN_MS = 100.0
MAX_RING_MS = 300.0
MAX_REPLAY_MS = 1000.0
MAX_STOP_MS = 1000.0

_CODE = """
import json

def handler(event, context):
    print("the message is", event["message"])
    return {{"statusCode": 200, "body": f"v{version}: {{event['message']}}"}}
"""
_BREAKPOINT_LINE = 5

_EVENT_COUNT = 20
_REPLAY_COUNT = 50
_PAUSE_SECONDS = 0.5
"""Pause between two saves, longer than everything that follows one."""


def _row(figure: str, times: Sequence[float], limit: float) -> Row:
    middle, worst = sorted(times)[len(times) // 2], max(times)
    found = f"{middle:.0f} ms, longest of {len(times)}: {worst:.0f} ms"
    return Row(figure, found, target=f"≤ {limit:.0f} ms", reached=worst <= limit)


def _ms_since(started_at: float) -> float:
    return (time.time() - started_at) * 1000


def _save(directory: Path, version: int) -> float:
    """Save a version; return the time."""
    started_at = time.time()
    (directory / "function/app.py").write_text(_CODE.format(version=version))
    return started_at


@contextlib.contextmanager
def _service(directory: Path, *args: str) -> Iterator[LambdaService]:
    with closing(LambdaService(directory, *args)) as service:
        service.wait_until_ready()
        yield service


def _create_checks(directory: Path) -> None:
    shutil.copytree(REPOSITORY / "scripts", directory / "scripts")
    shutil.copy2(REPOSITORY / "machine.env", directory)
    (directory / ".venv").symlink_to(REPOSITORY / ".venv")  # scripts/check runs its Python
    expected = directory / "events/expected"
    expected.mkdir(parents=True)
    response = {"statusCode": 200, "body": "v<number>: <any>"}
    for number in range(_EVENT_COUNT):
        event = {"message": f"of event {number}"}
        (directory / f"events/{number}.json").write_text(json.dumps(event))
        (expected / f"{number}.json").write_text(json.dumps(response))


def _measure_check(directory: Path, scale: Scale) -> Row:
    """Measure from the end of the last check, as the service recorded it."""
    _create_checks(directory)
    times = []
    with _service(directory) as service:
        command = ["scripts/check", "--json", "--url", service.url]
        for version in range(scale.peer_saves):
            _save(directory, version)
            subprocess.run(command, cwd=directory, stdout=subprocess.DEVNULL, check=True)
            now = time.time() * 1000
            rows = request(service.admin_url, "GET", "/api/rows").json()
            last = next(row for row in rows if row.get("client") == "check")
            times.append(now - last["timestamp"] - last["durationMs"])
    return _row(f"{_EVENT_COUNT} checks done → scripts/check --json exits", times, MAX_RETURN_MS)


def _measure_bell(directory: Path, scale: Scale) -> Row:
    times = []
    with closing(TerminalService(directory)) as terminal:
        terminal.wait_for("loaded in")
        for version in range(scale.peer_saves):
            time.sleep(_PAUSE_SECONDS)
            rung, started_at = terminal.output.count(b"\x07\x07"), time.time()
            (directory / "function/app.py").write_text("def handler(:\n")
            while (
                terminal.output.count(b"\x07\x07") == rung
                and _ms_since(started_at) < 10 * MAX_RING_MS
            ):
                time.sleep(0.001)
            times.append(_ms_since(started_at))
            fixed = terminal.raw.count(" fixed, ")
            _save(directory, version)
            wait_until(partial(_has_fixed, terminal, fixed))
    return _row("save with an error → terminal bell", times, MAX_RING_MS)


def _has_fixed(terminal: TerminalService, before: int) -> bool:
    return terminal.raw.count(" fixed, ") > before


def _measure_replay(directory: Path, scale: Scale) -> Row:
    times = []
    with _service(directory, "--replay", "--concurrency=4") as service:
        for number in range(_REPLAY_COUNT):
            service.invoke({"message": f"number {number}"})
        for version in range(scale.peer_saves):
            time.sleep(_PAUSE_SECONDS)
            started_at = _save(directory, version + 1)
            row = wait_until(partial(_find_replay, service, started_at), "the replayed responses")
            times.append(row["timestamp"] + row["elapsedMs"] - started_at * 1000)
    return _row(f"save → {_REPLAY_COUNT} replayed responses compared", times, MAX_REPLAY_MS)


def _find_replay(service: LambdaService, started_at: float) -> dict[str, float] | None:
    for row in request(service.admin_url, "GET", "/api/rows").json():
        if (
            row["kind"] == "replay"
            and row["timestamp"] >= started_at * 1000
            and row["count"] == _REPLAY_COUNT
        ):
            return dict(row)
    return None


def _measure_breakpoint(directory: Path, scale: Scale) -> Row:
    times = []
    with (
        _service(directory, "--debug") as service,
        closing(Debugger()) as debugger,
        ThreadPoolExecutor(1) as threads,
    ):
        debugger.attach(directory / "function/app.py", _BREAKPOINT_LINE)
        for version in range(2 * scale.peer_saves):
            started_at = _save(directory, version)
            response = threads.submit(service.invoke, {"message": "hello"})
            thread, _ = debugger.stopped()
            times.append(_ms_since(started_at))
            debugger.request("continue", threadId=thread)
            response.result()
    return _row("save with a debugger attached → breakpoint hit", times, MAX_STOP_MS)


def measure(directory: Path, scale: Scale) -> list[Row]:
    """Run each part in a project of its own."""
    parts = (_measure_check, _measure_bell, _measure_replay, _measure_breakpoint)
    rows = []
    for part in parts:
        own = directory / part.__name__.strip("_")
        write_project(own, {"function/__init__.py": "", "function/app.py": _CODE.format(version=0)})
        rows.append(part(own, scale))
    return rows
