import json
import signal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

ARN = "arn:aws:lambda:us-east-1:123456789012:function:Orders"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:Queue"
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, CodeUri: code/, Handler: app.handler}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig:
          OnSuccess: {Type: Lambda, Destination: !GetAtt Audit.Arn}
          OnFailure: {Type: SQS, Destination: !GetAtt Queue.Arn}
  Old:
    Type: AWS::Serverless::Function
    Properties:
      EventInvokeConfig: {MaximumEventAgeInSeconds: 60}
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Queue.Arn}
  None:
    Type: AWS::Serverless::Function
    Properties:
      ReservedConcurrentExecutions: 0
      EventInvokeConfig:
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Queue.Arn}}
  Audit: {Type: AWS::Serverless::Function, Properties: {Handler: app.audit}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: Queue}}
"""
APP = """
import json, pathlib, time

def handler(event, context):
    if "fail" in event:
        raise ValueError(event["fail"])
    if "bytes" in event:
        return event["bytes"].encode()
    if "wait" in event:
        pathlib.Path("../waits").touch()
        while not pathlib.Path("../go").exists():
            time.sleep(0.01)
    return {"did": event["do"]}

def audit(event, context):
    print("audit", json.dumps(event))
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(
        {"template.yaml": TEMPLATE, "code/app.py": APP},
        "--no-resources",
        handler=None,
        constants={"functions.async_invocations.RETRY_DELAYS_SECONDS": [0.01, 0.02]},
    )


def send(service: LambdaService, name: str, event: object) -> str:
    response = service.boto3.invoke(
        FunctionName=name, InvocationType="Event", Payload=json.dumps(event)
    )
    request_id: str = response["ResponseMetadata"]["RequestId"]
    return request_id


def record_of(service: LambdaService, request_id: str) -> Any:
    """Return the record of an event in the destinations file."""
    file = service.project / ".cache/destinations.jsonl"

    def found() -> list[Any]:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines if request_id in line]

    return wait_until(found, "the record")[0]


def test_on_success_invokes_another_function(service: LambdaService) -> None:
    request_id = send(service, "Orders", {"do": "it"})

    record = json.loads(service.wait_for_line("audit {").partition(" ")[2])
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{ARN}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"do": "it"},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"did": "it"},
    }


def test_response_that_is_not_json_is_recorded_as_text(service: LambdaService) -> None:
    send(service, "Orders", {"bytes": "plain"})

    line = service.wait_for_line('"requestPayload": {"bytes": "plain"}')
    assert json.loads(line.partition(" ")[2])["responsePayload"] == "plain"


def test_on_failure_of_a_queue_is_written_to_file(service: LambdaService) -> None:
    request_id = send(service, "Orders", {"fail": "no"})

    line = record_of(service, request_id)
    assert line["destination"] == QUEUE
    record = line["record"]
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "no"


def test_record_is_logged_if_file_cannot_be_written(service: LambdaService) -> None:
    record_of(service, send(service, "Orders", {"fail": "first"}))
    file = service.project / ".cache/destinations.jsonl"
    file.unlink()
    file.mkdir()
    try:
        request_id = send(service, "Orders", {"fail": "unwritten"})
        line = service.wait_for_line("destinations.jsonl: Is a directory")
    finally:
        file.rmdir()
    assert request_id in line
    assert "unwritten" in line


def test_dead_letter_has_event_and_error(service: LambdaService) -> None:
    before = service.metric("lambda_errors_total", function_name="Old")

    request_id = send(service, "Old", {"fail": "too old"})

    assert record_of(service, request_id) == {
        "destination": QUEUE,
        "attributes": {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "too old"},
        "body": {"fail": "too old"},
    }
    config = service.boto3.get_function_configuration(FunctionName="Old")
    assert config["DeadLetterConfig"] == {"TargetArn": QUEUE}
    # on AWS, the event would be older than a minute at the second attempt
    assert service.metric("lambda_errors_total", function_name="Old") == before + 1


def test_event_with_zero_concurrency_is_not_run(service: LambdaService) -> None:
    record = record_of(service, send(service, "None", {"do": "it"}))["record"]

    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record


def test_event_invoke_config_can_be_read_and_changed(service: LambdaService) -> None:
    client = service.boto3
    with pytest.raises(ClientError, match=r"Audit:\$LATEST doesn't have an EventInvokeConfig"):
        client.get_function_event_invoke_config(FunctionName="Audit")
    destination = {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {"Destination": QUEUE}}

    put = client.put_function_event_invoke_config(
        FunctionName="Audit", MaximumRetryAttempts=0, DestinationConfig=destination
    )
    updated = client.update_function_event_invoke_config(
        FunctionName="Audit", MaximumEventAgeInSeconds=60
    )
    record_of(service, send(service, "Audit", {"of": "success"}))
    found = client.get_function_event_invoke_config(FunctionName="Audit")
    (listed,) = client.list_function_event_invoke_configs(FunctionName="Audit")[
        "FunctionEventInvokeConfigs"
    ]
    client.delete_function_event_invoke_config(FunctionName="Audit")

    assert put["DestinationConfig"] == updated["DestinationConfig"]
    assert put["DestinationConfig"] == found["DestinationConfig"] == destination
    assert (listed["MaximumRetryAttempts"], listed["MaximumEventAgeInSeconds"]) == (0, 60)
    with pytest.raises(ClientError, match="doesn't have an EventInvokeConfig"):
        client.delete_function_event_invoke_config(FunctionName="Audit")


def test_invalid_destinations_are_rejected(service: LambdaService) -> None:
    path = "/2019-09-25/functions/Audit/event-invoke-config"

    response = service.request("PUT", path, b'{"DestinationConfig": 1}')

    assert (response.status, response.headers["x-amzn-errortype"]) == (
        400,
        "SerializationException",
    )
    assert response.json()["message"] == "DestinationConfig must be a JSON object."


def test_record_for_stopping_function_is_in_file(service: LambdaService) -> None:
    request_id = send(service, "Orders", {"do": "it", "wait": True})
    wait_until((service.project / "waits").exists)
    service.process.send_signal(signal.SIGTERM)
    wait_until(lambda: service.admin("/ready").status == 503)
    (service.project / "go").touch()

    assert service.wait() == 0
    line = record_of(service, request_id)
    assert line["destination"].endswith(":Audit")
    assert line["record"]["responsePayload"] == {"did": "it"}
