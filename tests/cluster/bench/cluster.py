"""
Measure a save, a rollout and a killed pod in the cluster: `make bench-cluster`.

It edits a copy of the repository, in which Tilt runs with all checks. It prints a line with the
limit for each figure, and exits with 1 if one is exceeded. `make bench-cluster ARGS=saves` measures
only saves, in three minutes.
"""

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from support.project import REPOSITORY
from support.waiting import wait_until
from tests.cluster.support.load import Load, invoke
from tests.cluster.support.workspace import DEADLINE, TEXT, URL, Tilt, Workspace, output, pods

BASE = "public.ecr.aws/lambda/python:3.12"
FUNCTION = ("template.yaml", "lambda_app", "events", "tests/lambda_app")
"""The repository's own function, with its checks and tests."""
CODE = "lambda_app/app.py"
RESPONSE = {
    "statusCode": 200,
    "headers": {"Content-Type": "text/plain; charset=utf-8"},
    "body": f"{TEXT}: 'hello world'",
}

_POLL_SECONDS = 0.025
"""Between two requests for new code. Their logs pass through Tilt: more slow the save."""


class Report:
    """Prints figures, and records whether each is within its limit."""

    def __init__(self) -> None:
        self.reached = True

    def add(self, figure: str, value: float, unit: str, most: float | None = None) -> None:
        """Print a figure, and whether it is within its limit."""
        verdict = ""
        if most is not None:
            reached = value <= most
            self.reached &= reached
            verdict = f"at most {most:g}: {'reached' if reached else 'MISSED'}"
        sys.stdout.write(f"{figure:56} {value:8.2f} {unit:3} {verdict}\n")
        sys.stdout.flush()


class Saves:
    """Saves of the function's code, each with another response."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._code = workspace.read(CODE)
        self._count = 0

    def save(self) -> str:
        """Save, and return the text of the new response."""
        self._count += 1
        text = f"Save {self._count} of {time.time_ns()}"
        self._workspace.write(CODE, self._code.replace(TEXT, text))
        return text

    def comment(self) -> None:
        """Save the code with a comment: no response changes."""
        self._workspace.write(CODE, f"{self._code}# {time.time_ns()}\n")

    def undo(self) -> None:
        """Save the code as it was."""
        self._workspace.write(CODE, self._code)

    def seconds(self, tilt: Tilt, prepare: Callable[[], None] = lambda: None) -> float:
        """Return the seconds from a save, with all checks of the last at rest, to its response."""
        wait_until(tilt.is_at_rest, "Tilt is at rest", DEADLINE)
        time.sleep(1)  # the checks start a moment after the code is live
        wait_until(tilt.is_at_rest, "Tilt is at rest", DEADLINE)
        prepare()
        start = time.monotonic()
        text = self.save().encode()
        while text not in invoke(URL)[1]:
            time.sleep(_POLL_SECONDS)
            assert time.monotonic() - start < DEADLINE, "the new code does not respond"
        return time.monotonic() - start


def _measure_ci(workspace: Workspace, report: Report) -> None:
    seconds = []
    for _ in range(4):
        start = time.monotonic()
        ended = workspace.ci()
        seconds.append(time.monotonic() - start)
        if ended.returncode:
            raise SystemExit("\n".join(ended.stdout.splitlines()[-20:]))
    report.add("tilt ci, all images built: median of 3", statistics.median(seconds[1:]), "s", 45)


def _measure_live_update(workspace: Workspace, report: Report) -> float:
    saves = Saves(workspace)
    with Tilt(workspace) as tilt:
        quiet = _measure_saves(tilt, saves, report)
        with Load(URL, response=None) as load:
            busy = [saves.seconds(tilt) for _ in range(20)]
        report.add("  at 50 requests/s: median of 20", statistics.median(busy), "s")
        _tell_lost(report, "those 20 saves", load)
        saves.undo()
        wait_until(tilt.is_green, "every row is green", DEADLINE)
        _measure_rollout(report)
        _measure_kill(report)
        dependency = saves.seconds(tilt, lambda: _change_dependencies(workspace))
        report.add("save with a change of poetry.lock → new code responds", dependency, "s")
    saves.undo()
    return quiet


def _measure_saves(tilt: Tilt, saves: Saves, report: Report) -> float:
    seconds = [saves.seconds(tilt) for _ in range(20)]
    report.add("save → new code responds: median of 20", statistics.median(seconds), "s", 0.4)
    report.add("  95th percentile", statistics.quantiles(seconds, n=20)[-1], "s", 0.8)
    report.add("  slowest", max(seconds), "s")
    green = [_seconds_to_green(tilt, saves) for _ in range(5)]
    report.add("save → every row green: median of 5", statistics.median(green), "s", 3)
    return statistics.median(seconds)


def _seconds_to_green(tilt: Tilt, saves: Saves) -> float:
    """Return the seconds from a save, with all rows green, until they are green again."""
    saves.undo()
    wait_until(tilt.is_green, "every row is green", DEADLINE)
    checks = tilt.log().count("events as expected")
    start = time.monotonic()
    saves.comment()
    wait_until(lambda: tilt.log().count("events as expected") > checks, "the checks ran", DEADLINE)
    wait_until(tilt.is_green, "every row is green", DEADLINE)
    return time.monotonic() - start


def _measure_rebuild(workspace: Workspace, report: Report, live: float) -> None:
    saves = Saves(workspace)
    with Tilt(workspace, "--live-update=false") as tilt:
        rebuilt = statistics.median(saves.seconds(tilt) for _ in range(5))
    report.add("the same by a rebuild of the image: median of 5", rebuilt, "s")
    report.add("  as a multiple of live update", rebuilt / live, "×")


def _measure_rollout(report: Report) -> None:
    with Load(URL, response=RESPONSE) as load:
        _kubectl("rollout", "restart", "deployment/function")
        _kubectl("rollout", "status", "deployment/function", "--timeout=120s")
        _wait_until_alone()
    _tell_lost(report, "a rollout", load)


def _measure_kill(report: Report) -> None:
    with Load(URL, response=RESPONSE) as load:
        _kubectl("delete", "pod", *pods())
        _wait_until_alone()
    _tell_lost(report, "the kill of the pod", load)


def _tell_lost(report: Report, during: str, load: Load) -> None:
    figure = f"requests lost of {load.outcomes.total()} during {during}"
    report.add(figure, load.lost, "", 0)
    if load.lost:
        sys.stdout.write(f"  {dict(load.outcomes)}\n")


def _measure_image(report: Report) -> None:
    output("docker", "build", "--target", "function", "--tag", "lambda-function:latest", ".")
    sizes = output(
        "docker", "image", "inspect", "--format", "{{.Size}}", "lambda-function:latest", BASE
    )
    image, base = map(int, sizes.split())
    report.add("function image over its base", (image - base) / 1e6, "MB", 15)


def _change_dependencies(workspace: Workspace) -> None:
    workspace.write("poetry.lock", workspace.read("poetry.lock") + f"# {time.time_ns()}\n")


def _wait_until_alone() -> None:
    """Wait until the function's pods that had to go are gone."""
    listing = ("get", "pods", "--selector", "app.kubernetes.io/name=function", "--output", "json")
    wait_until(
        lambda: len(json.loads(_kubectl(*listing))["items"]) == 1, "there is one pod", DEADLINE
    )


def _kubectl(*arguments: str) -> str:
    return output("kubectl", "--namespace", "lambda", *arguments)


def _copy_function(folder: Path) -> Path:
    for name in FUNCTION:
        source, copy = REPOSITORY / name, folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy2(source, copy)
    return folder


def main(*parts: str) -> int:
    """Measure; return 1 if a figure exceeds its limit."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="lambda-bench-") as directory:
        project = _copy_function(Path(directory, "project"))
        workspace = Workspace(Path(directory, "workspace"), project)
        if parts == ("saves",):
            with Tilt(workspace) as tilt:
                _measure_saves(tilt, Saves(workspace), report)
            return not report.reached
        _measure_ci(workspace, report)
        live = _measure_live_update(workspace, report)
        _measure_rebuild(workspace, report, live)
    _measure_image(report)
    return not report.reached


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
