"""The JSON of `scripts/check --json`, for programs that edit code."""

import json
import subprocess
import sys
from typing import Any
from uuid import uuid4

import jsonschema

from lambda_live.checks.reload_command import CommandResult
from support.lambda_service import LambdaService, environment
from support.project import PACKAGE, write_project
from support.service_starter import StartService
from support.waiting import wait_until
from tests.environment.support.checks import Checks

SCHEMA = json.loads((PACKAGE / "src/lambda_live/checks/result.schema.json").read_text())


def result(checks: Checks, *args: str) -> tuple[int, dict[str, Any]]:
    done = checks.run("--json", *args)
    assert done.stderr == ""
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    return done.returncode, report


def test_json_is_one_object_with_every_check(
    checks: Checks, response_service: LambdaService
) -> None:
    checks.write("a", {"n": 1}, {"n": 2}, printed="one line\nand another")
    checks.write("b", None, 3, raised="no")
    checks.write("c", 3, 3)
    checks.write("d", 4)
    status, report = result(checks)

    assert (status, report["as_expected"], report["reason"]) == (1, False, None)
    (function,) = report["functions"]
    assert function["code_sha256"] == response_service.admin("/ready").json()["code_sha256"]
    assert (function["name"], function["loaded"], function["error"]) == ("function", True, None)
    a, b, c, d = report["checks"]
    assert a["event"] == "events/a.json"
    assert a["differences"] == [{"path": "n", "expected": 2, "actual": 1}]
    assert a["log"] == ["one line", "and another"]
    assert a["duration_ms"] > 0
    assert b["error"] == {
        "type": "ValueError",
        "message": "no",
        "file": "function/app.py",
        "line": 11,
        "advice": None,
    }
    assert [each["result"] for each in (a, b, c, d)] == ["failed", "failed", "passed", "new"]
    assert report["timings"]["checks_ms"] > 0


def test_json_without_events_is_as_expected(checks: Checks) -> None:
    status, report = result(checks)
    assert (status, report["as_expected"], report["checks"]) == (0, True, [])

    checks.write("a", 1, 1)
    status, report = result(checks)
    assert (status, report["as_expected"]) == (0, True)


def test_json_has_the_reason_if_nothing_could_be_checked(checks: Checks) -> None:
    checks.write("a", 1, 1)
    (checks.project / "function/app.py").write_text("other code")
    status, waited = result(checks, "--wait", "0")

    assert status == 1
    assert waited["reason"].startswith("waited 0 s for code ")
    assert result(checks, "--url", "http://127.0.0.1:1")[1]["reason"].startswith("nothing answers")


def test_json_of_a_wrong_call_has_the_reason(checks: Checks) -> None:
    done = checks.run("--json", "events/missing.json")

    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    assert (done.returncode, report["as_expected"]) == (2, False)
    assert report["reason"] == "no such event: events/missing.json"


def test_the_service_gets_json_and_shows_the_same_rows(checks: Checks) -> None:
    checks.write("a", {"n": 1}, {"n": 2})
    checks.write("b", None, 3, raised="no")
    rows = checks.rows("--quiet")
    done = checks.run(LAMBDA_LIVE_CHECK_FORMAT="json")
    parsed = CommandResult.parse(done.stdout.encode(), done.returncode)

    assert (parsed.succeeded, parsed.is_check) == (False, True)
    assert (parsed.summary, parsed.rows) == (rows[-1], tuple(rows[:-1]))
    assert (parsed.acceptable, parsed.errors) == (1, 1)
    assert [each.outcome for each in parsed.checks] == ["failed", "failed"]
    accepted = checks.run("--accept", LAMBDA_LIVE_CHECK_FORMAT="json")
    assert accepted.stdout.splitlines()[-1].startswith("1 response accepted, 1 error not accepted")


def test_the_service_shows_the_reason_if_nothing_could_be_checked(checks: Checks) -> None:
    done = checks.run("--url", "http://127.0.0.1:1", LAMBDA_LIVE_CHECK_FORMAT="json")
    parsed = CommandResult.parse(done.stdout.encode(), done.returncode)

    assert (parsed.succeeded, parsed.summary) == (False, "checks failed to run")
    assert parsed.rows[0].startswith("nothing answers at http://127.0.0.1:1")


def test_lambda_live_check_needs_no_script(checks: Checks, response_service: LambdaService) -> None:
    checks.write("a", {"n": 1}, {"n": 2})
    done = subprocess.run(
        [sys.executable, "-P", "-m", "lambda_live", "check", "--url", response_service.url],
        cwd=checks.project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == ["a.json: n: 2 → 1", "0 of 1 events as expected"]


def test_check_does_not_wait_for_a_file_that_the_function_writes(
    start_service: StartService,
) -> None:
    source = """
import itertools
from pathlib import Path
numbers = itertools.count()

def handler(event, context):
    Path(__file__).with_name("written.txt").write_text(str(next(numbers)) + event["id"])
    return {"answer": 1}
"""
    service = start_service({"function/__init__.py": "", "function/app.py": source})

    def is_reported() -> bool:
        service.invoke({"id": uuid4().hex})
        return "ignored by live reload" in service.log

    wait_until(is_reported)
    write_project(
        service.project,
        {"events/a.json": '{"id": "a"}', "events/expected/a.json": '{"answer": 1}'},
    )

    done = subprocess.run(
        [sys.executable, "-P", "-m", "lambda_live", "check", "--url", service.url],
        cwd=service.project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "1 of 1 events as expected\n"
