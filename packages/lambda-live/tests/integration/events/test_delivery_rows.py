"""What the page shows of each delivery: its source, its retries, and what happened to failures."""

from typing import Any

import pytest

from support.aws import RECORDER, RECORDERS, Aws
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

TEMPLATE = (
    RECORDERS
    + """
  Dead: {Type: AWS::SQS::Queue}
  Lost: {Type: AWS::SQS::Queue}
  Orders:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Files: {Type: AWS::S3::Bucket}
  Queued:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Orders.Arn}}
  Streamed:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.missing
      Events:
        Table:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Items.StreamArn
            StartingPosition: TRIM_HORIZON
            MaximumRetryAttempts: 1
            DestinationConfig: {OnFailure: {Destination: !GetAtt Lost.Arn}}
  Notified:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.missing
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt Lost.Arn}}
      Events:
        Upload: {Type: S3, Properties: {Bucket: !Ref Files, Events: s3:ObjectCreated:*}}
"""
)


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": RECORDER}, handler=None)


def rows(service: LambdaService, function: str, count: int) -> list[dict[str, Any]]:
    """Wait for invocations with a consequence; return their details, oldest first."""

    def found() -> list[dict[str, Any]]:
        listed = service.admin("/api/rows").json()
        return [each for each in listed if each.get("function") == function and each.get("label")]

    def are_there() -> bool:
        return len([each for each in found() if each["consequence"]]) >= count

    wait_until(are_there, f"{count} failures of {function}")
    return [service.admin(f"/api/rows/{each['id']}").json() for each in reversed(found())]


def test_failed_message_shows_its_retry_and_dead_letter_queue(service: LambdaService) -> None:
    Aws(service).send("Orders", "raise")

    first, second = rows(service, "Queued", 2)
    assert first["source"] == {"queue": "Orders", "batch": "1 message"}
    assert first["consequence"] == "1 of 1 message failed; visible again in 1 s"
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert second["consequence"].endswith("; 1 message then in Dead")
    ids = [first["id"], second["id"]]
    assert [each["id"] for each in first["attempts"]] == ids
    assert [each["id"] for each in second["attempts"]] == ids
    assert Aws(service).receive("Dead")[0]["Body"] == "raise"


def test_failed_records_show_their_retry_and_destination(service: LambdaService) -> None:
    Aws(service).dynamodb.put_item(TableName="Items", Item={"id": {"S": "a"}})

    first, second = rows(service, "Streamed", 2)
    assert first["source"]["table"] == "Items"
    assert first["source"]["batch"] == "1 record"
    assert first["source"]["shard"].startswith("shardId-")
    assert first["consequence"] == "delivered again in 0.2 s: 1 record"
    assert second["consequence"] == "RetryAttemptsExhausted; sent to Lost: 1 record"
    assert [each["id"] for each in second["attempts"]] == [first["id"], second["id"]]


def test_failed_notification_shows_its_object_retry_and_destination(
    service: LambdaService,
) -> None:
    Aws(service).s3.put_object(Bucket="files", Key="in/a file.txt", Body=b"text")

    first, second = rows(service, "Notified", 2)
    assert first["source"] == {
        "bucket": "files",
        "object": "in/a file.txt",
        "event": "ObjectCreated:Put",
    }
    assert first["consequence"] == "retried in 1 s"
    assert second["attempt"] == 2
    assert second["consequence"] == "RetriesExhausted after 2 attempts; sent to Lost"
    assert [each["id"] for each in first["attempts"]] == [first["id"], second["id"]]
