"""What `scripts/check` says of answers, which the events themselves bring along."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_lambda import LocalLambda, environment
from tests.support.project import HANDLER, REPOSITORY, write_project
from tests.support.starting import starter

type Check = Callable[..., subprocess.CompletedProcess[str]]

APP = """
def handler(event, context):
    print(event.get("printed", ""))
    if "raised" in event:
        raise ValueError(event["raised"])
    return event["answer"]
"""
PAIR = ("a", "b")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "jq"))), reason="scripts/check needs curl and jq"
)


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalLambda]:
    project = tmp_path_factory.mktemp("project")
    with ExitStack() as services:
        source = {"function/__init__.py": "", "function/app.py": APP}
        yield starter(project, services)(source, handler=HANDLER)


@pytest.fixture
def project(answering: LocalLambda, tmp_path: Path) -> Path:
    shutil.copytree(answering.project / "function", tmp_path / "function")
    shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts")
    shutil.copy2(REPOSITORY / "machine.env", tmp_path)
    return tmp_path


@pytest.fixture
def check(answering: LocalLambda, project: Path) -> Check:
    """Runs the checks of events by name: what is answered, and expected unless it is None."""

    def check(
        events: dict[str, tuple[object, object]] | None = None, *args: str
    ) -> subprocess.CompletedProcess[str]:
        for name, (answer, expected) in (events or {}).items():
            files: dict[str, Any] = {f"events/{name}.json": {"answer": answer}}
            if expected is not None:
                files[f"events/expected/{name}.json"] = expected
            write_project(project, {path: json.dumps(text) for path, text in files.items()})
        return subprocess.run(
            ["scripts/check", "--url", answering.url, *args],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        )

    return check


def rows(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.stderr == ""
    return done.stdout.splitlines()


def proxy(body: str, status: int = 200) -> dict[str, object]:
    return {"statusCode": status, "body": body}


def test_an_equal_difference_is_told_once(check: Check) -> None:
    said = "The received message is: {}"
    changed = {f"e{n}": (proxy(f"The NEW message is: {n}"), proxy(said.format(n))) for n in "1234"}
    done = check(changed | {"other": (1, 1)})

    assert rows(done) == [
        '4 events: body: "The received message…" → "The NEW message…"',
        "  e1.json, e2.json, e3.json, e4.json",
        "1 of 5 events as expected",
    ]
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("answer", "expected", "row"),
    [
        ({"statusCode": 500}, {"statusCode": 200}, "statusCode: 200 → 500"),
        ({"a": [1, 2]}, {"a": [1]}, "a[1]: not expected: 2"),
        ({"a": [1]}, {"a": [1, {"b": 2}]}, 'a[1]: missing: {"b":2}'),
        ({"a b": {"c": None}}, {"a b": {"c": 0}}, '["a b"].c: 0 → null'),
        ([1], {"a": 1}, 'the answer: {"a":1} → [1]'),
        ("é", "e", 'the answer: "e" → "é"'),
        (proxy('{"id": 1, "n": 2}'), proxy('{"n": 3,\n"id": 1}'), "body.n: 3 → 2"),
        (proxy("[1]"), proxy('{"n": 1}'), 'body: {"n":1} → [1]'),
    ],
)
def test_a_difference_has_its_path(
    check: Check, answer: object, expected: object, row: str
) -> None:
    assert rows(check({"e": (answer, expected)}))[0] == f"e.json: {row}"


def test_a_row_fits_into_eighty_columns_unless_all_is_asked_for(check: Check) -> None:
    long = {"e": ({"k" * 20: "y" * 300}, {"k" * 20: ["z"] * 80})}

    assert max(map(len, rows(check(long)))) <= 80
    assert "y" * 300 in rows(check(None, "--full"))[0]


def test_no_more_rows_than_can_be_read_unless_all_are_asked_for(check: Check) -> None:
    many = {"e": ({f"k{n}": 1 for n in range(30)}, {f"k{n}": 0 for n in range(30)})}

    done = rows(check(many))
    assert len(done) <= 11
    assert done[-2] == "and 22 other differences (--full shows each)"
    assert len(rows(check(None, "--full"))) == 31


def test_a_difference_of_many_events_is_counted_with_quiet(check: Check) -> None:
    done = check({"a": (1, 2), "b": (1, 2), "c": (1, 1)}, "--quiet")

    assert rows(done) == ["2 events: the answer: 2 → 1", "1 of 3 events as expected"]


def test_an_event_without_an_expected_response_says_so_and_stops_no_other(check: Check) -> None:
    done = check({"new": (1, None), "other": (2, 2)})

    assert rows(done) == [
        "new.json: no expected response yet (--accept writes it)",
        "1 of 2 events as expected",
    ]
    assert done.returncode == 1


def test_a_project_without_events_has_nothing_to_fail(check: Check) -> None:
    done = check()

    assert (done.returncode, rows(done)) == (0, ["no events in events/ yet"])
