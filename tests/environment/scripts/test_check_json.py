"""What `scripts/check --json` tells programs that edit code."""

import json
from typing import Any

import jsonschema

from support.local_lambda import LocalLambda
from support.project import PACKAGE
from tests.environment.support.checks import Checks

SCHEMA = json.loads((PACKAGE / "src/lambda_live/checks/result.schema.json").read_text())


def result(checks: Checks, *args: str) -> tuple[int, dict[str, Any]]:
    done = checks.run("--json", *args)
    assert done.stderr == ""
    said = json.loads(done.stdout)
    jsonschema.validate(said, SCHEMA)
    return done.returncode, said


def test_it_is_one_object_with_each_check_and_its_difference(
    checks: Checks, answering: LocalLambda
) -> None:
    checks.write("a", {"n": 1}, {"n": 2}, printed="one line\nand another")
    checks.write("b", None, 3, raised="no")
    checks.write("c", 3, 3)
    checks.write("d", 4)
    status, said = result(checks)

    assert (status, said["as_expected"], said["reason"]) == (1, False, None)
    (function,) = said["functions"]
    assert function["code_sha256"] == answering.admin("/ready").json()["code_sha256"]
    assert (function["name"], function["loaded"], function["error"]) == ("function", True, None)
    a, b, c, d = said["checks"]
    assert a["event"] == "events/a.json"
    assert a["differences"] == [{"path": "n", "expected": 2, "answered": 1}]
    assert a["log"] == ["one line", "and another"]
    assert a["duration_ms"] > 0
    assert b["error"] == {
        "type": "ValueError",
        "message": "no",
        "file": "function/app.py",
        "line": 11,
    }
    assert [each["result"] for each in (a, b, c, d)] == ["failed", "failed", "passed", "new"]
    assert said["timings"]["checks_ms"] > 0


def test_all_well_is_a_success_even_without_events(checks: Checks) -> None:
    status, said = result(checks)
    assert (status, said["as_expected"], said["checks"]) == (0, True, [])

    checks.write("a", 1, 1)
    status, said = result(checks)
    assert (status, said["as_expected"]) == (0, True)


def test_why_nothing_could_be_checked_is_its_reason(checks: Checks) -> None:
    checks.write("a", 1, 1)
    (checks.project / "function/app.py").write_text("other code")
    status, waited = result(checks, "--wait", "0")

    assert status == 1
    assert waited["reason"].startswith("waited 0 s for code ")
    assert result(checks, "--url", "http://127.0.0.1:1")[1]["reason"].startswith("nothing answers")
