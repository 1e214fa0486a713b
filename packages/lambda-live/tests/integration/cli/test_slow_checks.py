"""Checks that take long: they run side by side, and say how far they are."""

import json
import os
import pty
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from support.lambda_service import LambdaService, environment
from support.project import write_project
from support.service_starter import StartService
from support.terminal import TerminalService
from support.waiting import wait_until

APP = """
import pathlib, time

def handler(event, context):
    folder = pathlib.Path(event["folder"])
    name = event["name"]
    with (folder / "log").open("a") as log:
        log.write(f"{name} starts\\n")
    if event.get("creates"):
        (folder / event["creates"]).touch()
    while event.get("waits_for") and not (folder / event["waits_for"]).exists():
        time.sleep(0.01)
    time.sleep(event.get("seconds", 0))
    with (folder / "log").open("a") as log:
        log.write(f"{name} ends\\n")
"""
LIMITED = """
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: function.app.handler
      CodeUri: .
      Timeout: 20
      ReservedConcurrentExecutions: 1
"""
CHECK = (sys.executable, "-m", "lambda_live", "check")


def write_checks(project: Path, folder: Path, **checks: dict[str, object]) -> None:
    for name, event in checks.items():
        content = {"folder": str(folder), "name": name, **event}
        files = {f"{name}.json": json.dumps(content), f"expected/{name}.json": "null"}
        write_project(project / "events", files)


def run_checks(service: LambdaService, *args: str) -> list[str]:
    command = [*CHECK, "--url", service.url, "--each", *args]
    done = subprocess.run(
        command, cwd=service.project, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_slow_check_does_not_hold_up_the_next_ones(
    start_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    service = start_service(APP, "--timeout=20")
    write_checks(
        service.project,
        folder,
        a={},
        b={"waits_for": "d is called"},
        c={},
        d={"creates": "d is called"},
        e={},
    )

    lines = run_checks(service)

    assert [line.split()[:2] for line in lines[:-1]] == [["passed", f"{x}.json"] for x in "abcde"]
    assert lines[-1] == "5 of 5 events as expected"
    log = (folder / "log").read_text().splitlines()
    assert sorted(log) == sorted(f"{x} {what}" for x in "abcde" for what in ("starts", "ends"))
    started = "a starts, a ends, b starts, c starts, c ends, d starts"
    assert ", ".join(log).startswith(started)


def test_checks_stay_within_reserved_concurrency(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    files = {"template.yaml": LIMITED, "function/__init__.py": "", "function/app.py": APP}
    write_project(tmp_path, files)
    write_checks(tmp_path, folder, a={"seconds": 1.5}, b={})
    with closing(LambdaService(tmp_path, handler=None)) as service:
        service.wait_until_ready()

        assert run_checks(service)[-1] == "2 of 2 events as expected"

    log = (folder / "log").read_text().splitlines()
    assert log == ["a starts", "a ends", "b starts", "b ends"]


def test_progress_is_shown_after_a_save(tmp_path: Path) -> None:
    files = {"function/__init__.py": "", "function/app.py": APP}
    write_project(tmp_path, files)
    folder = tmp_path / "log"
    folder.mkdir()
    write_checks(tmp_path, folder, a={}, b={"waits_for": "go"}, c={})
    command = " ".join(CHECK)
    with closing(TerminalService(tmp_path, f"--after-reload={command}")) as terminal:
        terminal.wait_for(r"loaded in .* · 2 of 3 done, waiting \d+ s for b\.json$")

        (folder / "go").touch()

        terminal.wait_for(r"loaded in \d+ ms · 3 of 3 events as expected\n")


def test_progress_is_shown_in_a_terminal(
    start_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("log")
    service = start_service(APP, "--timeout=20")
    write_checks(service.project, folder, a={"waits_for": "go"})
    master, slave = pty.openpty()
    env = {name: value for name, value in environment().items() if name != "CI"}
    process = subprocess.Popen(
        [*CHECK, "--url", service.url],
        cwd=service.project,
        env=env,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
    )
    os.close(slave)
    shown = wait_until(lambda: os.read(master, 1000), "the progress")
    assert shown.startswith(b"\r0 of 1 done, waiting 1 s for a.json")

    (folder / "go").touch()

    assert process.communicate()[0] == "1 of 1 events as expected\n"
    assert b"\r\x1b[K" in os.read(master, 1000)
    os.close(master)
