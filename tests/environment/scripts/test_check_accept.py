"""What `scripts/check --accept` writes."""

import json
from pathlib import Path

import pytest

from tests.environment.support.checks import Checks, proxy


def test_accept_shows_differences_and_records_responses(
    checks: Checks,
) -> None:
    checks.write("a", {"n": 1}, {"n": 2})
    checks.write("new", "é")
    checks.write("same", 3, 3)
    done = checks.run("--accept")

    assert done.stdout.splitlines() == [
        "a.json: n: 2 → 1",
        "new.json: no expected response yet (--accept writes it)",
        "2 responses accepted",
    ]
    assert (done.returncode, done.stderr) == (0, "")
    assert (checks.expected("a"), checks.expected("new")) == ('{"n":1}', '"é"\n')
    assert checks.rows("--accept") == ["nothing to accept: 3 of 3 events as expected"]


def test_accept_with_events_records_only_these(checks: Checks) -> None:
    checks.write("a", 1, 2)
    checks.write("b", 1, 2)
    checks.run("--accept", "events/b.json")

    assert (checks.expected("a"), checks.expected("b")) == ("2", "1")


@pytest.mark.parametrize(
    "before", ['{"n": 1}', '{\n  "n": 1\n}\n', '{\n    "n": 1\n}', '{\n\t"n": 1\n}\n']
)
def test_accept_keeps_the_indentation_of_a_file(checks: Checks, before: str) -> None:
    checks.write("a", {"n": 2}, before.encode())
    checks.run("--accept")

    after = checks.expected("a")
    assert json.loads(after) == {"n": 2}
    assert after.splitlines()[1:2] == [line.replace("1", "2") for line in before.splitlines()[1:2]]
    assert after.endswith("\n") == before.endswith("\n")


def test_accept_keeps_order_escapes_and_mode_of_a_file(checks: Checks) -> None:
    checks.write("a", {"a": 2, "c": "é", "b": 1}, b'{"b": 1, "a": "\\u00e8"}\n')
    path = checks.project / "events/expected/a.json"
    path.chmod(0o640)
    checks.run("--accept")

    assert checks.expected("a") == '{"b":1,"a":2,"c":"\\u00e9"}\n'
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]


def test_accept_keeps_placeholders_that_match(checks: Checks) -> None:
    response = proxy('{"id": 7, "n": 2, "s": 3}') | {"at": "2026-11-25", "list": [1, 2]}
    expected = proxy('{"id": "<number>", "n": 1, "s": "<string>"}')
    checks.write("a", response, expected | {"at": "<timestamp>", "list": ["<number>"]})
    checks.run("--accept")

    accepted = json.loads(checks.expected("a"))
    assert json.loads(accepted.pop("body")) == {"id": "<number>", "n": 2, "s": 3}
    assert accepted == {"statusCode": 200, "at": "<timestamp>", "list": ["<number>", 2]}
    assert checks.rows() == ["1 of 1 events as expected"]


def test_accept_keeps_all_digits_of_a_number(checks: Checks) -> None:
    checks.write("a", {"id": 12345678901234567891}, {})
    checks.run("--accept")

    assert json.loads(checks.expected("a")) == {"id": 12345678901234567891}


def test_accept_records_errors_only_with_accept_errors(checks: Checks) -> None:
    checks.write("bad", None, 1, raised="no")
    checks.write("good", 2, 1)
    done = checks.run("--accept")
    hint = "(to accept errors: scripts/check --accept-errors)"

    assert done.stdout.splitlines() == [
        "bad.json: ValueError: no (function/app.py:11)",
        "good.json: the response: 1 → 2",
        f"1 response accepted, 1 error not accepted {hint}",
    ]
    assert (done.returncode, checks.expected("bad")) == (1, "1")

    assert checks.run("--accept-errors").returncode == 0
    assert json.loads(checks.expected("bad"))["errorType"] == "ValueError"


def test_accept_of_an_unwritable_file_fails_and_leaves_no_file(checks: Checks) -> None:
    checks.write("a", 1)
    folder = Path(checks.project, "events/expected")
    folder.touch()
    done = checks.run("--accept")

    assert done.returncode == 1
    assert folder.read_text() == ""
