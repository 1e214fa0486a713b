"""InvokeWithResponseStream and InvokeAsync."""

import base64
import json
from typing import Any

import pytest

from support.lambda_service import LambdaService


def stream(service: LambdaService, code: str, **parameters: Any) -> tuple[bytes, dict[str, str]]:
    """Return the streamed payload, and the last event."""
    response = service.boto3.invoke_with_response_stream(
        FunctionName="function", Payload=json.dumps({"code": code}), **parameters
    )
    assert response["StatusCode"] == 200
    assert response["ExecutedVersion"] == "$LATEST"
    assert response["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    *chunks, end = list(response["EventStream"])
    return b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks), end["InvokeComplete"]


def test_response_stream_has_result(service: LambdaService) -> None:
    assert stream(service, "reply = 'é' * 100_000") == (f'"{"é" * 100_000}"'.encode(), {})


def test_response_stream_end_has_log_and_error(service: LambdaService) -> None:
    payload, end = stream(service, "raise ValueError('wrong')", LogType="Tail")

    assert json.loads(payload)["errorMessage"] == "wrong"
    assert end["ErrorCode"] == "ValueError"
    assert json.loads(end["ErrorDetails"])["errorMessage"] == "wrong"
    assert "[ERROR] ValueError: wrong" in base64.b64decode(end["LogResult"]).decode()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_invoke_async_runs_event(service: LambdaService) -> None:
    event = json.dumps({"code": "print('invoked by the old operation')"})

    response = service.boto3.invoke_async(FunctionName="function", InvokeArgs=event)

    assert response["Status"] == 202
    service.wait_for_line("invoked by the old operation")
