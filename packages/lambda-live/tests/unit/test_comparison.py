"""Comparison of expected and actual responses."""

import json
from typing import Any

import pytest

from lambda_live.checks.comparison import fill_json_text, json_text_matches, matches
from lambda_live.checks.expected_response import HttpMessage
from lambda_live.checks.http_file import HttpResponse

UUID = "0f8fad5b-d9cd-469f-a165-70867728950e"
EQUAL: list[tuple[Any, Any]] = [
    (1, 1),
    (1, 1.0),
    (None, None),
    ([1, 2], [1, 2]),
    ({"a": {"b": ["<any>"]}}, {"a": {"b": [{}]}}),
    ("<any>", None),
    ("<string>", "text"),
    ("<number>", 1.5),
    ("no <number>", "no -1.5e3"),
    ("<uuid>", UUID),
    ("<uuid>", UUID.upper()),
    ("id <uuid>.", f"id {UUID}."),
    ("(<any>)", "(a\nb)"),
    ("<timestamp>", "2026-11-25"),
    ("<timestamp>", "2026-11-25T13:00:00.123Z"),
    ("<timestamp>", "2026-11-25 13:00+0100"),
    ("<timestamp>", "Wed, 25 Nov 2026 13:00:00 GMT"),
    ("<timestamp>", "25/Nov/2026:13:00:00 +0000"),
    ("<timestamp>", 1_795_000_000),
    ("<timestamp>", 1_795_000_000_000),
    ({"body": '{"id": "<number>"}'}, {"body": '{"id":7}'}),
    ({"a": {"body": '[1, "<any>"]'}}, {"a": {"body": "[1,2]"}}),
]
DIFFERENT: list[tuple[Any, Any]] = [
    (1, True),
    (0, False),
    ("a", "b"),
    ([1, 2], [1]),
    ({"a": 1}, {"a": 1, "b": 2}),
    ("<string>", 1),
    ("<number>", "1.5"),
    ("<number>", True),
    ("no <number>", "no one"),
    ("<uuid>", f"{UUID}\n"),
    ("id <uuid>.", f"id {UUID}!"),
    ("a+b <any>", "aab c"),
    ("<timestamp>", "yesterday"),
    ("<timestamp>", 17),
    ("<unknown>", "x"),
    ({"body": '{"id": "<number>"}'}, {"body": '{"id":"7"}'}),
    ({"body": "[1"}, {"body": "[1]"}),
    ({"text": '{"a": 1}'}, {"text": '{"a":1}'}),
]


@pytest.mark.parametrize(("expected", "actual"), EQUAL)
def test_a_value_or_a_placeholder_for_it_matches(expected: Any, actual: Any) -> None:
    assert matches(expected, actual)
    assert json_text_matches(json.dumps(expected), json.dumps(actual))


@pytest.mark.parametrize(("expected", "actual"), DIFFERENT)
def test_another_value_does_not_match(expected: Any, actual: Any) -> None:
    assert not matches(expected, actual)
    assert not json_text_matches(json.dumps(expected), json.dumps(actual))


HEAD = "HTTP/1.1 201 Created\nX-Id: <number>\nContent-Type: application/json\n\n"
ANSWER = HttpResponse(201, [("x-id", "7"), ("content-type", "application/json")], b'{"id": 7}\n')
EXPECTED = [
    f'{HEAD}{{\n  "id": "<number>"\n}}\n',
    '201\n\n{"id": "<any>"}',
    '<any>\r\n\r\n{"id":7}\r\n',
    "201\n\n<any>",
]
UNEXPECTED = [
    f'{HEAD}{{"id": 8}}',
    HEAD.replace("201 Created", "200 OK"),
    "201",
    'HTTP/1.1 201\nX-Other: a\n\n{"id":7}',
    'HTTP/1.1 201\nx-id: <uuid>\n\n{"id":7}',
    "201\n\n<number>",
    "nothing\n\n<any>",
    "",
]


@pytest.mark.parametrize("text", EXPECTED)
def test_a_response_matches_by_status_named_headers_and_body(text: str) -> None:
    assert HttpMessage.parse(text).matches(ANSWER)


@pytest.mark.parametrize("text", UNEXPECTED)
def test_a_response_with_another_status_header_or_body_does_not_match(text: str) -> None:
    assert not HttpMessage.parse(text).matches(ANSWER)


def test_filling_replaces_each_placeholder_that_matches() -> None:
    want = HttpMessage.parse(f'{HEAD}{{"id": "<number>", "name": "<string>", "more": 1}}')
    got = HttpMessage.from_response(ANSWER, want)

    assert str(want.fill_placeholders(got)) == (
        "HTTP 201\nX-Id: 7\nContent-Type: application/json\n\n"
        '{\n  "id": 7,\n  "name": "<string>",\n  "more": 1\n}'
    )
    expected, response = (
        '{"a": ["<any>", "<uuid>", 3], "body": "{\\"b\\": \\"<any>\\"}"}',
        '{"a": [1, 2]}',
    )
    assert json.loads(fill_json_text(expected, response)) == {
        "a": [1, "<uuid>", 3],
        "body": '{"b": "<any>"}',
    }
    assert json.loads(fill_json_text('{"body": "[1, \\"<any>\\"]"}', '{"body": "[2, 3]"}')) == {
        "body": "[1, 3]"
    }


def test_filling_keeps_an_expected_text_that_does_not_match() -> None:
    want = HttpMessage.parse("HTTP/1.1 200 OK\n\nit is <number>")

    for status, body in ((200, "it is 7"), (200, "it is")):
        got = HttpMessage.from_response(HttpResponse(status, [], body.encode()), want)
        assert str(want.fill_placeholders(got)).endswith(
            body if body[-1] == "7" else "it is <number>"
        )
    assert fill_json_text('"it is <number>"', '"it is 7"') == '"it is <number>"'


def test_payloads_that_are_not_json_are_compared_as_texts() -> None:
    assert json_text_matches("it is <number>", "it is 7")
    assert not json_text_matches("it is <number>", "it is")
