import json
from typing import Any

import pytest

from support.aws import RECORDER, Aws
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.12
    CodeUri: code/
    Handler: app.handler
    Environment: {Variables: {EVENTS: ../events.jsonl}}
Resources:
  Dead: {Type: AWS::SQS::Queue}
  Orders:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  Sequence:
    Type: AWS::SQS::Queue
    Properties: {FifoQueue: true, ContentBasedDeduplication: true, VisibilityTimeout: 1}
  Windowed: {Type: AWS::SQS::Queue, Properties: {QueueName: windowed}}
  Filtered: {Type: AWS::SQS::Queue}
  Single:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Orders.Arn
            FunctionResponseTypes: [ReportBatchItemFailures]
  Ordered:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Sequence.Arn, BatchSize: 1}}
  Batched:
    Type: AWS::Serverless::Function
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !GetAtt Batched.Arn
      EventSourceArn: !GetAtt Windowed.Arn
      BatchSize: 12
      MaximumBatchingWindowInSeconds: 30
  Chosen:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Filtered.Arn
            FilterCriteria:
              Filters:
                - Pattern: '{"body": {"total": [{"numeric": [">", 10]}]}}'
                - Pattern: '{"body": ["plain"]}'
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": RECORDER}, handler=None)


@pytest.fixture(scope="module")
def aws(service: LambdaService) -> Aws:
    return Aws(service)


def bodies(events: list[Any]) -> list[str]:
    return [record["body"] for event in events for record in event["Records"]]


def test_startup_with_resources_lists_them_with_the_url(service: LambdaService, aws: Aws) -> None:
    line = next(each for each in service.lines if "MiniStack" in each)
    assert f"5 queues (MiniStack, {aws.url})" in line


def test_message_reaches_the_function_as_on_aws(aws: Aws) -> None:
    value = {"DataType": "String", "StringValue": "x"}
    sent = aws.send("Orders", "one", MessageAttributes={"kind": value})
    wait_until(lambda: "one" in bodies(aws.events("Single")), "the message")
    (record,) = (
        each for event in aws.events("Single") for each in event["Records"] if each["body"] == "one"
    )
    assert record["messageId"] == sent
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:Orders"
    assert record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"] == {
        "kind": {
            "stringValue": "x",
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "String",
        }
    }
    assert record["md5OfBody"]
    wait_until(lambda: aws.is_empty("Orders"), "the deleted message")


def test_message_of_a_failing_function_goes_to_the_dead_letter_queue(aws: Aws) -> None:
    aws.send("Orders", "raise twice")
    dead = aws.receive("Dead")
    assert [each["Body"] for each in dead] == ["raise twice"]
    assert bodies(aws.events("Single")).count("raise twice") == 2


@pytest.mark.parametrize(
    "response",
    [
        '{"batchItemFailures": [{"itemIdentifier": "ID"}]}',
        '{"batchItemFailures": [{"itemIdentifier": ""}]}',
        '{"batchItemFailures": [{"itemIdentifier": null}]}',
        '{"batchItemFailures": [{"itemIdentifier": 1}]}',
        '{"batchItemFailures": [{"itemIdentifier": "unknown"}]}',
        '{"batchItemFailures": [{"foo": "ID"}]}',
    ],
)
def test_reported_failure_keeps_the_message(aws: Aws, response: str) -> None:
    aws.sqs.purge_queue(QueueUrl=aws.queue("Dead"))
    aws.send("Orders", f"return {response}")
    assert [each["Body"] for each in aws.receive("Dead")] == [f"return {response}"]


@pytest.mark.parametrize(
    "response",
    ["null", "{}", "[]", '"text"', '{"batchItemFailures": []}', '{"batchItemFailures": null}'],
)
def test_response_without_failures_deletes_the_message(aws: Aws, response: str) -> None:
    aws.send("Orders", f"return {response}")
    wait_until(lambda: f"return {response}" in bodies(aws.events("Single")), "the message")
    wait_until(lambda: aws.is_empty("Orders"), "the deleted message")
    assert bodies(aws.events("Single")).count(f"return {response}") == 1


def test_fifo_group_is_delivered_in_order(aws: Aws) -> None:
    for number in range(5):
        aws.send("Sequence.fifo", str(number), MessageGroupId="group")
    wait_until(lambda: len(bodies(aws.events("Ordered"))) == 5, "five messages")
    assert bodies(aws.events("Ordered")) == list("01234")


def test_batch_with_a_window_is_filled_to_its_size(aws: Aws) -> None:
    for number in range(12):
        aws.send("windowed", str(number))
    wait_until(lambda: len(aws.events("Batched")) == 1, "the batch")
    assert sorted(map(int, bodies(aws.events("Batched")))) == list(range(12))


def test_filters_drop_other_messages(aws: Aws) -> None:
    for body in ('{"total": 5}', "other", '{"total": 50}', "plain"):
        aws.send("Filtered", body)
    wait_until(lambda: len(bodies(aws.events("Chosen"))) == 2, "two messages")
    wait_until(lambda: aws.is_empty("Filtered"), "an empty queue")
    assert sorted(bodies(aws.events("Chosen"))) == sorted(['{"total": 50}', "plain"])


def test_mapping_of_a_client_delivers_until_it_is_deleted(service: LambdaService, aws: Aws) -> None:
    aws.sqs.create_queue(QueueName="later", Attributes={"VisibilityTimeout": "60"})
    arn = "arn:aws:sqs:us-east-1:123456789012:later"
    created = service.boto3.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="Batched", BatchSize=1
    )
    assert created["FunctionArn"].endswith(":function:Batched")
    aws.send("later", "from a client")
    wait_until(lambda: "from a client" in bodies(aws.events("Batched")), "the message")
    found = service.boto3.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    assert [each["UUID"] for each in found] == [created["UUID"]]
    updated = service.boto3.update_event_source_mapping(UUID=created["UUID"], Enabled=False)
    assert updated["State"] in ("Disabling", "Disabled")
    aws.send("later", "while disabled")
    service.boto3.update_event_source_mapping(UUID=created["UUID"], Enabled=True)
    wait_until(lambda: "while disabled" in bodies(aws.events("Batched")), "the second message")
    service.boto3.delete_event_source_mapping(UUID=created["UUID"])
    with pytest.raises(service.boto3.exceptions.ResourceNotFoundException):
        service.boto3.get_event_source_mapping(UUID=created["UUID"])


def test_mapping_with_a_short_visibility_timeout_is_rejected(
    service: LambdaService, aws: Aws
) -> None:
    aws.sqs.create_queue(QueueName="short", Attributes={"VisibilityTimeout": "2"})
    with pytest.raises(service.boto3.exceptions.InvalidParameterValueException) as failure:
        service.boto3.create_event_source_mapping(
            EventSourceArn="arn:aws:sqs:us-east-1:123456789012:short", FunctionName="Batched"
        )
    message = "Queue visibility timeout: 2 seconds is less than Function timeout:"
    assert message in json.dumps(failure.value.response["Error"])
