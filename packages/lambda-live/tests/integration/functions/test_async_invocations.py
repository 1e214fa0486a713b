import json
from functools import partial

import pytest

from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

FAILS_N_TIMES = """
from pathlib import Path

def handler(event, context):
    attempts = Path(event["name"])
    attempts.write_text(attempts.read_text() + context.aws_request_id + "\\n" if attempts.exists()
        else context.aws_request_id + "\\n")
    count = len(attempts.read_text().splitlines())
    if count <= event["failures"]:
        raise ValueError(f"failure {count}")
    print("done", event["name"])
"""
FAST_RETRIES = {"functions.async_invocations.RETRY_DELAYS_SECONDS": [0.01, 0.02]}


def send(service: LambdaService, name: str, failures: int) -> str:
    response = service.boto3.invoke(
        FunctionName="function",
        InvocationType="Event",
        Payload=json.dumps({"name": name, "failures": failures}),
    )
    assert response["StatusCode"] == 202
    assert response["Payload"].read() == b""
    request_id: str = response["ResponseMetadata"]["RequestId"]
    return request_id


def attempts(service: LambdaService, name: str) -> list[str]:
    path = service.project / name
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_failed_event_is_retried_twice(
    start_service: StartService,
) -> None:
    service = start_service(FAILS_N_TIMES)
    request_id = send(service, "thrice", 2)

    service.wait_for_line("done thrice")
    assert attempts(service, "thrice") == [request_id] * 3
    assert service.metric("lambda_errors_total", error_type="ValueError") == 2
    assert service.metric("lambda_async_dropped_total") == 0


def test_event_that_always_fails_is_logged(start_service: StartService) -> None:
    service = start_service(FAILS_N_TIMES, constants=FAST_RETRIES)
    request_id = send(service, "never", 9)

    line = service.wait_for_line("event dropped after the last attempt")
    assert line.startswith(
        f"lambda-live: event dropped after the last attempt (request_id {request_id}, error {{"
    )
    assert '"errorMessage": "failure 3"' in line
    assert line.endswith('event {"name": "never", "failures": 9})')
    assert attempts(service, "never") == [request_id] * 3
    assert service.metric("lambda_async_dropped_total") == 1


def test_dropped_event_has_its_fields_in_json_log(start_service: StartService) -> None:
    service = start_service(
        "import no_such_module\n", constants=FAST_RETRIES, AWS_LAMBDA_LOG_FORMAT="JSON"
    )
    request_id = send(service, "never", 9)

    record = json.loads(service.wait_for_line("event dropped after the last attempt"))
    assert record["level"] == "ERROR"
    assert record["request_id"] == request_id
    assert json.loads(record["error"])["errorType"] == "Runtime.ImportModuleError"
    assert json.loads(record["event"]) == {"name": "never", "failures": 9}


def test_stop_runs_accepted_events_first(start_service: StartService) -> None:
    service = start_service(
        FAILS_N_TIMES,
        constants={"functions.async_invocations.RETRY_DELAYS_SECONDS": [600, 600]},
    )
    send(service, "recovers", 1)
    send(service, "never", 9)
    wait_until(lambda: attempts(service, "recovers") and attempts(service, "never"))
    wait_until(lambda: service.metric("lambda_errors_total", error_type="ValueError") == 2)

    assert service.end() == 0

    assert "done recovers" in service.lines
    assert len(attempts(service, "never")) == 2
    assert any("event dropped after the last attempt" in line for line in service.lines)


def test_stop_logs_events_it_cannot_wait_for(start_service: StartService) -> None:
    source = """
import time
from pathlib import Path

def handler(event, context):
    Path("began").touch()
    time.sleep(60)
"""
    service = start_service(source, "--timeout=60", "--shutdown-timeout=0.2")
    service.boto3.invoke(FunctionName="function", InvocationType="Event", Payload='{"a": 1}')
    wait_until((service.project / "began").exists)

    assert service.end() == 0

    assert 'lambda-live: event lost: the service stopped (event {"a": 1})' in service.lines


def test_payload_in_the_log_fakes_no_line_and_no_control_sequence(
    start_service: StartService,
) -> None:
    service = start_service("import no_such_module\n", constants=FAST_RETRIES)
    payload = '{"a":\n"lambda-live: reloaded\x9b2J"\n}'
    service.boto3.invoke(FunctionName="function", InvocationType="Event", Payload=payload)

    line = service.wait_for_line("event dropped after the last attempt")

    assert line.endswith('event {"a":\\n"lambda-live: reloaded\\x9b2J"\\n})')


def test_event_response_is_empty_with_request_id(service: LambdaService) -> None:
    event = {"code": "print('ran', context.aws_request_id)"}

    response = service.invoke(event, {"X-Amz-Invocation-Type": "Event"})

    assert (response.status, response.body) == (202, b"")
    service.wait_for_line(f"ran {response.headers['x-amzn-requestid']}")


def test_waiting_events_over_size_limit_are_throttled(
    start_service: StartService,
) -> None:
    service = start_service(
        "import time\ndef handler(event, context): time.sleep(60)",
        "--concurrency=1",
        "--shutdown-timeout=0",
        constants={"functions.async_invocations.MAX_QUEUED_BYTES": 1000},
    )
    for _ in range(3):
        service.boto3.invoke(
            FunctionName="function", InvocationType="Event", Payload=f'"{"x" * 300}"'
        )

    refused = service.invoke("x" * 300, {"X-Amz-Invocation-Type": "Event"})
    assert (refused.status, refused.headers["x-amzn-errortype"]) == (
        429,
        "TooManyRequestsException",
    )
    assert service.invoke("x", {"X-Amz-Invocation-Type": "Event"}).status == 202
    assert service.metric("lambda_throttles_total") == 1


def test_events_beyond_the_limit_are_throttled(start_service: StartService) -> None:
    source = """
import time
from pathlib import Path

def handler(event, context):
    while not Path("go").exists():
        time.sleep(0.01)
    print("ran", event["number"])
"""
    constants = {"functions.async_invocations.MAX_QUEUED_EVENTS": 3}
    service = start_service(source, "--concurrency=1", "--queue=0", constants=constants)
    invoke = partial(service.boto3.invoke, FunctionName="function", InvocationType="Event")
    for number in range(3):
        invoke(Payload=json.dumps({"number": number}))

    with pytest.raises(service.boto3.exceptions.TooManyRequestsException):
        invoke(Payload=json.dumps({"number": 3}))

    (service.project / "go").touch()
    for number in range(3):
        service.wait_for_line(f"ran {number}")
