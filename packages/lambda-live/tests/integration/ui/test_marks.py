"""What `scripts/check` and the page take for the expected answer is the same."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from lambda_live.checks.expected_response import HttpMessage
from lambda_live.checks.http_file import HttpResponse
from lambda_live.checks.placeholders import PLACEHOLDERS, fill_json_text, json_text_matches
from support.project import REPOSITORY

UUID = "0f8fad5b-d9cd-469f-a165-70867728950e"
PAIRS: list[tuple[Any, Any]] = [
    (1, 1),
    (1, 1.0),
    (1, True),
    (0, False),
    (None, None),
    ("a", "b"),
    ([1, 2], [1]),
    ([1, 2], [1, 2]),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": {"b": ["<any>"]}}, {"a": {"b": [{}]}}),
    ("<any>", None),
    ("<string>", "text"),
    ("<string>", 1),
    ("<number>", 1.5),
    ("<number>", "1.5"),
    ("<number>", True),
    ("no <number>", "no -1.5e3"),
    ("no <number>", "no one"),
    ("<uuid>", UUID),
    ("<uuid>", UUID.upper()),
    ("<uuid>", f"{UUID}\n"),
    ("id <uuid>.", f"id {UUID}."),
    ("id <uuid>.", f"id {UUID}!"),
    ("(<any>)", "(a\nb)"),
    ("a+b <any>", "aab c"),
    ("<timestamp>", "2026-11-25"),
    ("<timestamp>", "2026-11-25T13:00:00.123Z"),
    ("<timestamp>", "2026-11-25 13:00+0100"),
    ("<timestamp>", "Wed, 25 Nov 2026 13:00:00 GMT"),
    ("<timestamp>", "25/Nov/2026:13:00:00 +0000"),
    ("<timestamp>", "yesterday"),
    ("<timestamp>", 1_795_000_000),
    ("<timestamp>", 1_795_000_000_000),
    ("<timestamp>", 17),
    ("<unknown>", "x"),
    ({"body": '{"id": "<number>"}'}, {"body": '{"id":7}'}),
    ({"body": '{"id": "<number>"}'}, {"body": '{"id":"7"}'}),
    ({"body": "[1"}, {"body": "[1]"}),
    ({"text": '{"a": 1}'}, {"text": '{"a":1}'}),
    ({"a": {"body": '[1, "<any>"]'}}, {"a": {"body": "[1,2]"}}),
]


def jq(program: str, given: object = None, modules: Sequence[str] = ("compare",)) -> Any:
    if not shutil.which("jq"):
        pytest.skip("scripts/check needs jq")
    texts = [(REPOSITORY / f"scripts/checks/{module}.jq").read_text() for module in modules]
    done = subprocess.run(
        ["jq", "\n".join([*texts, program])],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_mark_stands_for_the_same() -> None:
    assert jq("marks") == PLACEHOLDERS


def test_an_answer_is_the_expected_one_for_both_or_for_neither() -> None:
    verdicts = jq("map([differences(.[0]; .[1]; [])] == [])", PAIRS)

    assert [json_text_matches(json.dumps(want), json.dumps(got)) for want, got in PAIRS] == verdicts
    assert {True, False} == set(verdicts)


HEAD = "HTTP/1.1 201 Created\nX-Id: <number>\nContent-Type: application/json\n\n"
ANSWER = HttpResponse(201, [("x-id", "7"), ("content-type", "application/json")], b'{"id": 7}\n')
MESSAGES = [
    f'{HEAD}{{\n  "id": "<number>"\n}}\n',
    f'{HEAD}{{"id": 8}}',
    HEAD.replace("201 Created", "200 OK"),
    "201",
    '201\n\n{"id": "<any>"}',
    '<any>\r\n\r\n{"id":7}\r\n',
    'HTTP/1.1 201\nX-Other: a\n\n{"id":7}',
    'HTTP/1.1 201\nx-id: <uuid>\n\n{"id":7}',
    "201\n\n<any>",
    "201\n\n<number>",
    "nothing\n\n<any>",
    "",
]


def test_a_response_is_the_expected_one_for_both_or_for_neither() -> None:
    body, headers = ANSWER.body.decode(), dict(ANSWER.headers)
    program = """.[0] as [$body, $headers] | .[1] | map(
        [http_differences(message; {status: 201, $headers}; $body)] == [])"""
    verdicts = jq(program, [[body, headers], MESSAGES], ["compare", "http"])

    wanted = [HttpMessage.parse(text) for text in MESSAGES]
    assert [HttpMessage.from_response(ANSWER, want).matches(want) for want in wanted] == verdicts
    assert {True, False} == set(verdicts)


def test_side_by_side_a_mark_that_fits_is_no_difference() -> None:
    want = HttpMessage.parse(f'{HEAD}{{"id": "<number>", "name": "<string>", "more": 1}}')
    got = HttpMessage.from_response(ANSWER, want)

    assert str(want.fill_placeholders(got)) == (
        "HTTP 201\nX-Id: 7\nContent-Type: application/json\n\n"
        '{\n  "id": 7,\n  "name": "<string>",\n  "more": 1\n}'
    )
    expected, answer = (
        '{"a": ["<any>", "<uuid>", 3], "body": "{\\"b\\": \\"<any>\\"}"}',
        '{"a": [1, 2]}',
    )
    assert json.loads(fill_json_text(expected, answer)) == {
        "a": [1, "<uuid>", 3],
        "body": '{"b": "<any>"}',
    }
    assert json.loads(fill_json_text('{"body": "[1, \\"<any>\\"]"}', '{"body": "[2, 3]"}')) == {
        "body": "[1, 3]"
    }


def test_side_by_side_a_text_stays_as_it_is_expected() -> None:
    want = HttpMessage.parse("HTTP/1.1 200 OK\n\nit is <number>")

    for status, body in ((200, "it is 7"), (200, "it is")):
        got = HttpMessage.from_response(HttpResponse(status, [], body.encode()), want)
        assert str(want.fill_placeholders(got)).endswith(
            body if body[-1] == "7" else "it is <number>"
        )
    assert fill_json_text('"it is <number>"', '"it is 7"') == '"it is <number>"'


def test_what_is_no_json_is_compared_as_the_text_that_it_is() -> None:
    assert json_text_matches("it is <number>", "it is 7")
    assert not json_text_matches("it is <number>", "it is")
