import json
from pathlib import Path
from typing import Any

import pytest
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller
from hypothesis import given
from hypothesis import strategies as st

from app import lambda_handler, process
from message import extract_message

EVENTS = Path(__file__).parents[2] / "events"
EVENT_FILES = sorted(EVENTS.glob("*.json"))

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=()))
)
json_values = st.recursive(
    scalars,
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=20,
)
bodies = (
    json_values
    | json_values.map(json.dumps)
    | st.fixed_dictionaries({"message": json_values}).map(json.dumps)
)
events = json_values | st.fixed_dictionaries(
    {}, optional={"body": bodies, "message": json_values, "isBase64Encoded": scalars}
)


@pytest.fixture(autouse=True)
def _like_the_runtime_on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.12")


def sent_by_the_runtime(response: Any) -> bytes:
    marshalled, content_type = LambdaMarshaller().marshal_response(response)
    assert content_type == "application/json"
    encoded: bytes = marshalled.encode("utf-8")
    return encoded


def test_process_returns_the_expected_body() -> None:
    expected = json.loads((EVENTS / "expected" / "event.json").read_text(encoding="utf-8"))

    assert process("hello world") == expected["body"]


@pytest.mark.parametrize("path", EVENT_FILES, ids=lambda path: path.stem)
def test_each_event_gets_its_expected_response(path: Path) -> None:
    event = json.loads(path.read_text(encoding="utf-8"))
    expected = json.loads((EVENTS / "expected" / path.name).read_text(encoding="utf-8"))

    assert json.loads(sent_by_the_runtime(lambda_handler(event, None))) == expected


def test_events_and_expected_responses_are_pairs() -> None:
    assert {path.name for path in EVENT_FILES} == {
        path.name for path in (EVENTS / "expected").glob("*.json")
    }


def test_each_invalid_event_has_its_own_error() -> None:
    responses = [json.loads(path.read_text()) for path in (EVENTS / "expected").glob("*.json")]
    errors = [response["body"] for response in responses if response["statusCode"] == 400]

    assert len(set(errors)) == len(errors)


@given(event=events)
def test_any_event_gets_a_response_that_the_runtime_can_send(event: Any) -> None:
    response = json.loads(sent_by_the_runtime(lambda_handler(event, None)))

    assert response.keys() == {"statusCode", "headers", "body"}
    if response["statusCode"] == 200:
        assert response["headers"] == {"Content-Type": "text/plain; charset=utf-8"}
        assert response["body"] == process(extract_message(event))
    else:
        assert response["statusCode"] == 400
        assert response["headers"] == {"Content-Type": "application/json"}
        assert json.loads(response["body"]).keys() == {"error"}


@pytest.mark.parametrize("opening", ["[", '{"message":'])
def test_a_body_nested_too_deeply_is_rejected(opening: str) -> None:
    response = lambda_handler({"body": opening * 100_000}, None)

    assert response["statusCode"] == 400
    assert "can't be read as JSON" in response["body"]
