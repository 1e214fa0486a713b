import json

from support.local_lambda import LocalLambda
from support.starting import StartLambda
from support.waiting import wait_until

FAILS_SO_MANY_TIMES = """
from pathlib import Path

def handler(event, context):
    tries = Path(event["name"])
    tries.write_text(tries.read_text() + context.aws_request_id + "\\n" if tries.exists()
        else context.aws_request_id + "\\n")
    count = len(tries.read_text().splitlines())
    if count <= event["failures"]:
        raise ValueError(f"failure {count}")
    print("done", event["name"])
"""
RETRY_SOON = {"functions.async_invocations.RETRY_DELAYS_SECONDS": [0.01, 0.02]}


def send(service: LocalLambda, name: str, failures: int) -> str:
    response = service.boto3.invoke(
        FunctionName="function",
        InvocationType="Event",
        Payload=json.dumps({"name": name, "failures": failures}),
    )
    assert response["StatusCode"] == 202
    assert response["Payload"].read() == b""
    request_id: str = response["ResponseMetadata"]["RequestId"]
    return request_id


def tries(service: LocalLambda, name: str) -> list[str]:
    path = service.project / name
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_an_event_that_fails_is_tried_twice_more_with_aws_pauses_made_short(
    start_lambda: StartLambda,
) -> None:
    service = start_lambda(FAILS_SO_MANY_TIMES)
    request_id = send(service, "thrice", 2)

    service.wait_for_line("done thrice")
    assert tries(service, "thrice") == [request_id] * 3
    assert service.metric("lambda_errors_total", error_type="ValueError") == 2
    assert service.metric("lambda_async_dropped_total") == 0


def test_an_event_that_fails_each_time_is_told_in_the_log(start_lambda: StartLambda) -> None:
    service = start_lambda(FAILS_SO_MANY_TIMES, constants=RETRY_SOON)
    request_id = send(service, "never", 9)

    line = service.wait_for_line("event dropped after the last attempt")
    assert line.startswith(
        f"lambda_live: event dropped after the last attempt (request_id {request_id}, error {{"
    )
    assert '"errorMessage": "failure 3"' in line
    assert line.endswith('event {"name": "never", "failures": 9})')
    assert tries(service, "never") == [request_id] * 3
    assert service.metric("lambda_async_dropped_total") == 1


def test_the_json_log_of_a_dropped_event_has_its_fields(start_lambda: StartLambda) -> None:
    service = start_lambda(
        "import no_such_module\n", constants=RETRY_SOON, AWS_LAMBDA_LOG_FORMAT="JSON"
    )
    request_id = send(service, "never", 9)

    record = json.loads(service.wait_for_line("event dropped after the last attempt"))
    assert record["level"] == "ERROR"
    assert record["request_id"] == request_id
    assert json.loads(record["error"])["errorType"] == "Runtime.ImportModuleError"
    assert json.loads(record["event"]) == {"name": "never", "failures": 9}


def test_a_stop_runs_what_was_accepted_first(start_lambda: StartLambda) -> None:
    service = start_lambda(
        FAILS_SO_MANY_TIMES,
        constants={"functions.async_invocations.RETRY_DELAYS_SECONDS": [600, 600]},
    )
    send(service, "recovers", 1)
    send(service, "never", 9)
    wait_until(lambda: tries(service, "recovers") and tries(service, "never"))
    wait_until(lambda: service.metric("lambda_errors_total", error_type="ValueError") == 2)

    assert service.end() == 0

    assert "done recovers" in service.lines
    assert len(tries(service, "never")) == 2
    assert any("event dropped after the last attempt" in line for line in service.lines)


def test_a_stop_tells_of_each_event_that_it_cannot_wait_for(start_lambda: StartLambda) -> None:
    source = """
import time
from pathlib import Path

def handler(event, context):
    Path("began").touch()
    time.sleep(60)
"""
    service = start_lambda(source, "--timeout=60", "--shutdown-timeout=0.2")
    service.boto3.invoke(FunctionName="function", InvocationType="Event", Payload='{"a": 1}')
    wait_until((service.project / "began").exists)

    assert service.end() == 0

    assert 'lambda_live: event not run: the service stopped (event {"a": 1})' in service.lines


def test_the_answer_to_an_event_has_no_body_and_a_request_id(service: LocalLambda) -> None:
    event = {"code": "print('ran', context.aws_request_id)"}

    answer = service.invoke(event, {"X-Amz-Invocation-Type": "Event"})

    assert (answer.status, answer.body) == (202, b"")
    service.wait_for_line(f"ran {answer.headers['x-amzn-requestid']}")


def test_events_that_wait_are_throttled_when_they_are_too_large_together(
    start_lambda: StartLambda,
) -> None:
    service = start_lambda(
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
