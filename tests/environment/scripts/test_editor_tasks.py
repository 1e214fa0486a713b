"""The problem matchers of .vscode/tasks.json match the output of the tasks."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.lambda_service import LambdaService, environment
from support.program import Program, execute
from support.project import REPOSITORY, write_project
from support.service_starter import StartService
from support.terminal import TerminalService
from support.waiting import wait_until

TASKS = {
    task["label"]: task
    for task in json.loads((REPOSITORY / ".vscode/tasks.json").read_text())["tasks"]
}
CALLED = "def handler(event, context):\n    return {'statusCode': 200}\n"
type Problem = tuple[str, int, str]


def matchers(label: str) -> list[dict[str, Any]]:
    found = TASKS[label]["problemMatcher"]
    return found if isinstance(found, list) else [found]


def problems_in(lines: list[str], label: str) -> set[Problem]:
    """Return file, line and message of each problem that an editor shows."""
    return {each for matcher in matchers(label) for each in matched(lines, matcher["pattern"])}


def matched(lines: list[str], pattern: Any) -> Iterator[Problem]:
    patterns = pattern if isinstance(pattern, list) else [pattern]
    for start in range(len(lines) - len(patterns) + 1):
        found: dict[str, str] = {}
        for each, line in zip(patterns, lines[start:], strict=False):
            match = re.search(each["regexp"], line)
            if match is None:
                break
            found |= {name: match[number] for name, number in each.items() if name != "regexp"}
        else:
            yield found["file"], int(found["line"]), found["message"]


class Listing:
    """A running `lambda-live problems`, and the problems that an editor shows."""

    def __init__(self, admin_url: str, project: Path) -> None:
        command = [sys.executable, "-m", "lambda_live", "problems", admin_url]
        self._running = Program(partial(execute, command), project, environment())
        self._background = matchers("Problems of the function")[0]["background"]

    def close(self) -> None:
        """Stop it like an editor does. A killed process would lose its coverage."""
        self._running.end()
        self._running.kill()

    def shown(self) -> set[Problem] | None:
        """Return the problems of the last complete list, or None."""
        last, open_list = None, list[str]()
        for line in list(self._running.lines):
            if re.search(self._background["beginsPattern"], line):
                open_list = []
            elif re.search(self._background["endsPattern"], line):
                last = problems_in(open_list, "Problems of the function")
            else:
                open_list.append(line)
        return last

    def wait_for(self, *problems: Problem) -> None:
        wait_until(lambda: self.shown() == {*problems}, f"{problems} in {self._running.lines}")


@pytest.fixture
def service(start_service: StartService) -> LambdaService:
    return start_service(CALLED)


def test_errors_of_a_save_are_listed_until_fixed(
    service: LambdaService,
) -> None:
    code = service.project / "function/app.py"
    with closing(Listing(service.admin_url, service.project)) as listing:
        listing.wait_for()
        code.write_text("def handler(event, context):\n    foo(\n")
        message = "SyntaxError: '(' was never closed"
        listing.wait_for((str(code), 2, f"UserCodeSyntaxError: {message}"))

        raises = "raise KeyError('three') if event else ValueError('one\\ntwo')"
        code.write_text(f"def handler(event, context):\n    {raises}\n")
        listing.wait_for()
        service.invoke()
        listing.wait_for((str(code), 2, "ValueError: one two"))
        service.invoke()
        service.invoke("other")
        listing.wait_for((str(code), 2, "ValueError: one two"), (str(code), 2, "KeyError: 'three'"))

        code.write_text(CALLED)
        listing.wait_for()


def test_late_editor_sees_current_errors_only(
    service: LambdaService,
) -> None:
    code = service.project / "function/app.py"
    code.write_text("def handler(event, context):\n    return 1 / 0\n")
    wait_until(lambda: b"ZeroDivisionError" in service.invoke().body, "the code that was saved")
    with closing(Listing(service.admin_url, service.project)) as listing:
        listing.wait_for((str(code), 2, "ZeroDivisionError: division by zero"))
        service.end()
        listing.wait_for()


def test_error_expected_by_a_check_is_not_a_problem(
    tmp_path: Path,
) -> None:
    expects = "def handler(event, context):\n    raise ValueError('expected')\n"
    write_project(tmp_path, {"function/__init__.py": "", "function/app.py": CALLED})
    url = "$LAMBDA_LIVE_URL/2015-03-31/functions/function/invocations"
    invoked = f"curl -s -o response -H 'X-Lambda-Live-Source: check' -d 1 {url}"
    command = f"[ -e begun ] || exit 0; {invoked}; until [ -e go ]; do sleep 0.05; done"
    with closing(TerminalService(tmp_path, "--after-reload", command)) as service:
        page = service.wait_for(r"Dashboard +(http://\S+:\d+)")[1]
        with closing(Listing(page, tmp_path)) as listing:
            listing.wait_for()
            (tmp_path / "begun").touch()
            service.save(expects)
            error = (str(tmp_path / "function/app.py"), 2, "ValueError: expected")
            listing.wait_for(error)

            (tmp_path / "go").touch()
            listing.wait_for()


def output_of(*command: str | Path, cwd: Path, **env: str) -> list[str]:
    ended = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )
    return ended.stdout.splitlines()


def test_ruff_output_matches_the_problem_matcher(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import os\n")
    as_the_task: dict[str, str] = TASKS["make lint"]["options"]["env"]
    ruff = REPOSITORY / ".venv/bin/ruff"
    lines = output_of(ruff, "check", "--isolated", ".", cwd=tmp_path, **as_the_task)
    expected = {("app.py", 1, "F401 [*] `os` imported but unused")}
    assert problems_in(lines, "make lint") == expected


def test_pytest_output_matches_the_problem_matcher(tmp_path: Path) -> None:
    (tmp_path / "test_fails.py").write_text("def test_it():\n    assert 1 == 2\n")
    (tmp_path / "test_broken.py").write_text("def test_it():\n    foo(\n")
    command: list[str | Path] = [REPOSITORY / ".venv/bin/pytest", "-p", "no:cacheprovider"]
    lines = output_of(*command, "--continue-on-collection-errors", cwd=tmp_path)
    found = {(Path(path).name, *rest) for path, *rest in problems_in(lines, "make unit")}
    broken = ("test_broken.py", 2, "SyntaxError: '(' was never closed")
    assert found == {("test_fails.py", 2, "AssertionError"), broken}


def test_launch_configurations_name_existing_tasks() -> None:
    launch = json.loads((REPOSITORY / ".vscode/launch.json").read_text())["configurations"]
    started = [each["preLaunchTask"] for each in launch if "preLaunchTask" in each]
    needed = [name for task in TASKS.values() for name in task.get("dependsOn", [])]
    assert started
    assert {*started, *needed} <= {*TASKS}
