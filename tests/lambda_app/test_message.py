import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from message import InvalidEventError, extract_message

EVENTS = Path(__file__).parents[2] / "events"
SOURCES = ["rest_api", "http_api", "function_url", "alb"]

messages = st.text()  # any Unicode text: Hypothesis leaves lone surrogates out


def event_of(source: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"event_{source}.json").read_text())
    return event


def in_base64(body: bytes) -> dict[str, Any]:
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


@pytest.mark.parametrize("source", SOURCES)
@given(message=messages, escaped=st.booleans())
def test_message_in_a_plain_body_is_found(source: str, message: str, *, escaped: bool) -> None:
    body = json.dumps({"message": message}, ensure_ascii=escaped)

    assert extract_message(event_of(source) | {"body": body}) == message


@pytest.mark.parametrize("source", SOURCES)
@given(message=messages, escaped=st.booleans())
def test_message_in_a_base64_body_is_found(source: str, message: str, *, escaped: bool) -> None:
    body = json.dumps({"message": message}, ensure_ascii=escaped).encode()

    assert extract_message(event_of(source) | in_base64(body)) == message


@given(message=messages)
def test_message_sent_directly_is_found(message: str) -> None:
    assert extract_message({"message": message}) == message


def test_body_takes_precedence_over_a_message_beside_it() -> None:
    assert extract_message({"body": '{"message": "inside"}', "message": "beside"}) == "inside"


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (None, "The event is null"),
        (True, "The event is a boolean"),
        (1, "The event is a number"),
        (float("nan"), "The event is a number"),
        ("hello world", "The event is a string"),
        (["hello world"], "The event is an array"),
        (b"hello world", "The event is not a JSON value"),
        ({}, "The event has no body"),
        ({"body": None}, "The body is null"),
        ({"body": 1}, "The body is a number"),
        ({"body": {"message": "hello world"}}, "The body is an object"),
        ({"body": ""}, "The body is empty"),
        ({"body": "", "isBase64Encoded": True}, "The body is empty"),
        ({"body": "hello world"}, "The body can't be read as JSON"),
        ({"body": "9" * 5000}, "The body can't be read as JSON"),
        ({"body": '"hello world"'}, "The body is a string"),
        ({"body": "{}"}, "The body has no message"),
        ({"body": '{"message": null}'}, "The message is null"),
        ({"body": '{"message": ["hello"]}'}, "The message is an array"),
        ({"message": {"text": "hello"}}, "The message is an object"),
        ({"message": "hello \udc4b"}, "The message holds half of a surrogate pair, U+DC4B"),
        ({"body": "not base64", "isBase64Encoded": True}, "The body is not base64"),
        ({"body": "bäse64", "isBase64Encoded": True}, "The body is not base64"),
        (in_base64(b"\xff"), "The decoded body is not UTF-8"),
    ],
)
def test_invalid_event_raises_what_was_found_and_expected(event: Any, found: str) -> None:
    with pytest.raises(InvalidEventError) as error:
        extract_message(event)

    text = str(error.value)
    assert text.startswith(found)
    assert "; expected " in text
