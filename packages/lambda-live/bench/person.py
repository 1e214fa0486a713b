"""What a person is promised, in times of this machine's: nothing here has a peer."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from bench.project import ROOT
from bench.scale import Scale
from bench.table import Row
from support.debugger import Debugger
from support.http import request
from support.local_lambda import LocalLambda
from support.project import write_project
from support.terminal import TerminalLambda
from support.waiting import wait_until

RETURNS_MS = 100.0
RINGS_MS = 300.0
REPLAYS_MS = 1000.0
STOPS_MS = 1000.0

_CODE = """
import json

def handler(event, context):
    print("the message is", event["message"])
    return {{"statusCode": 200, "body": f"v{version}: {{event['message']}}"}}
"""
_LINE = 5
"""Where the debugger's breakpoint is."""

_EVENTS = 20
_REPLAYED = 50
_PAUSE = 0.5
"""Seconds between two saves, in which all that follows one has ended."""


def _row(figure: str, times: Sequence[float], most: float) -> Row:
    middle, worst = sorted(times)[len(times) // 2], max(times)
    found = f"{middle:.0f} ms, the worst of {len(times)} {worst:.0f} ms"
    return Row(figure, found, must=f"≤ {most:.0f} ms", reached=worst <= most)


def _since(began: float) -> float:
    return (time.time() - began) * 1000


def _save(directory: Path, version: int) -> float:
    """Save that version; return when."""
    began = time.time()
    (directory / "function/app.py").write_text(_CODE.format(version=version))
    return began


@contextlib.contextmanager
def _service(directory: Path, *args: str) -> Iterator[LocalLambda]:
    with closing(LocalLambda(directory, *args)) as service:
        service.wait_until_ready()
        yield service


def _with_checks(directory: Path) -> None:
    shutil.copytree(ROOT / "scripts", directory / "scripts")
    shutil.copy2(ROOT / "machine.env", directory)
    expected = directory / "events/expected"
    expected.mkdir(parents=True)
    answer = {"statusCode": 200, "body": "v<number>: <any>"}
    for number in range(_EVENTS):
        event = {"message": f"of event {number}"}
        (directory / f"events/{number}.json").write_text(json.dumps(event))
        (expected / f"{number}.json").write_text(json.dumps(answer))


def _check_returns(directory: Path, scale: Scale) -> Row:
    """From the moment that the last check has ended, as the service wrote it down."""
    _with_checks(directory)
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
    return _row(f"{_EVENTS} checks ended → scripts/check --json returns", times, RETURNS_MS)


def _terminal_rings(directory: Path, scale: Scale) -> Row:
    times = []
    with closing(TerminalLambda(directory)) as terminal:
        terminal.wait_for("loaded in")
        for version in range(scale.peer_saves):
            time.sleep(_PAUSE)
            rung, began = terminal.output.count(b"\x07\x07"), time.time()
            (directory / "function/app.py").write_text("def handler(:\n")
            while terminal.output.count(b"\x07\x07") == rung and _since(began) < 10 * RINGS_MS:
                time.sleep(0.001)
            times.append(_since(began))
            fixed = terminal.raw.count(" fixed, ")
            _save(directory, version)
            wait_until(lambda fixed=fixed: terminal.raw.count(" fixed, ") > fixed)  # type: ignore[misc]  # mypy infers no default's type
    return _row("a save that breaks → the terminal rings, with a title", times, RINGS_MS)


def _answers_are_compared(directory: Path, scale: Scale) -> Row:
    times = []
    with _service(directory, "--replay", "--concurrency=4") as service:
        for number in range(_REPLAYED):
            service.invoke({"message": f"number {number}"})
        for version in range(scale.peer_saves):
            time.sleep(_PAUSE)
            began = _save(directory, version + 1)
            row = wait_until(lambda began=began: _replay(service, began), "the answers")  # type: ignore[misc]  # as above
            times.append(row["timestamp"] + row["elapsedMs"] - began * 1000)
    return _row(f"a save → {_REPLAYED} answers over it compared", times, REPLAYS_MS)


def _replay(service: LocalLambda, began: float) -> dict[str, float] | None:
    for row in request(service.admin_url, "GET", "/api/rows").json():
        if (
            row["kind"] == "replay"
            and row["timestamp"] >= began * 1000
            and row["count"] == _REPLAYED
        ):
            return dict(row)
    return None


def _breakpoint_is_hit(directory: Path, scale: Scale) -> Row:
    times = []
    with (
        _service(directory, "--debug") as service,
        closing(Debugger()) as debugger,
        ThreadPoolExecutor(1) as threads,
    ):
        debugger.attach(directory / "function/app.py", _LINE)
        for version in range(2 * scale.peer_saves):
            began = _save(directory, version)
            answer = threads.submit(service.invoke, {"message": "hello"})
            thread, _ = debugger.stopped()
            times.append(_since(began))
            debugger.ask("continue", threadId=thread)
            answer.result()
    return _row("a save, a debugger attached → its breakpoint is hit", times, STOPS_MS)


def measure(directory: Path, scale: Scale) -> list[Row]:
    """Each on a copy of the function of its own."""
    parts = (_check_returns, _terminal_rings, _answers_are_compared, _breakpoint_is_hit)
    rows = []
    for part in parts:
        own = directory / part.__name__.strip("_")
        write_project(own, {"function/__init__.py": "", "function/app.py": _CODE.format(version=0)})
        rows.append(part(own, scale))
    return rows
