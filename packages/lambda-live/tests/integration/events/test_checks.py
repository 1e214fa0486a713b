"""Checks whose event is a message to a queue, an item for a table or an object for a bucket."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambda_live import checks
from support.lambda_service import LambdaService, environment
from support.service_starter import StartService

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, CodeUri: code/, Handler: app.handler}}
Resources:
  Orders: {Type: AWS::SQS::Queue}
  Copies: {Type: AWS::SQS::Queue}
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Files: {Type: AWS::S3::Bucket}
  Uploads: {Type: AWS::SNS::Topic}
  ToCopies:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Uploads, Protocol: sqs, Endpoint: !GetAtt Copies.Arn}
  Queued:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Orders.Arn
            FilterCriteria: {Filters: [{Pattern: '{"body": {"total": [{"exists": true}]}}'}]}
  Streamed:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Table:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Items.StreamArn, StartingPosition: TRIM_HORIZON}
  Notified:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Upload: {Type: S3, Properties: {Bucket: !Ref Files, Events: s3:ObjectCreated:*}}
  Chained:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Copy: {Type: SQS, Properties: {Queue: !GetAtt Copies.Arn}}
"""
CODE = """
import json, os
import boto3

def handler(event, context):
    record = event["Records"][0]
    if context.function_name == "Queued":
        order = json.loads(record["body"])
        if order["total"] < 0:
            raise ValueError("negative total")
        return {"total": order["total"], "id": record["messageId"]}
    if context.function_name == "Streamed":
        return {"put": record["dynamodb"]["NewImage"]["id"]["S"]}
    if context.function_name == "Notified":
        key = record["s3"]["object"]["key"]
        arn = "arn:aws:sns:us-east-1:123456789012:Uploads"
        boto3.client("sns").publish(TopicArn=arn, Message=key)
        return {"key": key}
    return {"copied": json.loads(record["body"])["Message"]}
"""
PROJECT = {
    "template.yaml": TEMPLATE,
    "code/app.py": CODE,
    "events/queues/Orders/order.json": '{"total": 3}',
    "events/queues/Orders/expected/order.json": '{"Queued": {"total": 3, "id": "<uuid>"}}',
    "events/queues/Orders/filtered.json": '{"other": 1}',
    "events/queues/Orders/expected/filtered.json": "{}",
    "events/tables/Items/item.json": '{"id": "<uuid>", "price": 1.5}',
    "events/tables/Items/expected/item.json": '{"Streamed": {"put": "<uuid>"}}',
    "events/buckets/files/in/a.csv": "a;b",
    "events/buckets/files/in/expected/a.csv.json": json.dumps(
        {"Notified": {"key": "in/a.csv"}, "Chained": {"copied": "in/a.csv"}}
    ),
}


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(PROJECT, handler=None)


def run(
    service: LambdaService, *arguments: str, command: str = "check"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambda_live", command, "--url", service.url, *arguments],
        cwd=service.project,
        env=environment(measured=False) | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def check(service: LambdaService, *arguments: str) -> Any:
    result = run(service, "--json", *arguments)
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def test_messages_items_and_objects_are_checked_by_what_follows(service: LambdaService) -> None:
    result = check(service)
    assert result["as_expected"], result
    found = {each["event"]: each["response"] for each in result["checks"]}
    assert found.keys() == {name for name in PROJECT if name.startswith("events/")} - {
        name for name in PROJECT if "/expected/" in name
    }
    assert found["events/queues/Orders/filtered.json"] == {}
    schema = Path(checks.__file__).with_name("result.schema.json")
    subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--schemafile", schema, "-"],
        input=json.dumps(result),
        text=True,
        check=True,
    )


def test_other_result_is_a_difference_and_can_be_accepted(service: LambdaService) -> None:
    event = service.project / "events/queues/Orders/changed.json"
    expected = event.parent / "expected/changed.json"
    event.write_text('{"total": 5}')
    expected.write_text('{"Queued": {"total": 4, "id": "<uuid>"}}')
    (found,) = check(service, str(event))["checks"]
    assert found["differences"] == [{"path": "Queued.total", "expected": 4, "actual": 5}]
    assert found["request_id"]

    assert run(service, "--accept", str(event)).returncode == 0
    assert json.loads(expected.read_text()) == {"Queued": {"total": 5, "id": "<uuid>"}}


def test_error_of_the_function_that_follows_is_reported(service: LambdaService) -> None:
    event = service.project / "events/queues/Orders/negative.json"
    event.write_text('{"total": -1}')
    (found,) = check(service, str(event))["checks"]
    assert found["result"] == "new"
    assert found["error"]["type"] == "ValueError"
    assert found["error"]["file"] == "code/app.py"
    assert "not accepted" in run(service, "--accept", str(event)).stdout


def test_invoke_sends_the_message_and_prints_what_follows(service: LambdaService) -> None:
    result = run(service, "queues/Orders/order.json", command="invoke")
    assert json.loads(result.stdout)["Queued"]["total"] == 3


def test_unchanged_item_is_an_error(service: LambdaService) -> None:
    event = service.project / "events/tables/Items/same.json"
    event.write_text('{"id": "same"}')
    (first,) = check(service, str(event))["checks"]
    assert first["response"] == {"Streamed": {"put": "same"}}
    (second,) = check(service, str(event))["checks"]
    assert "no stream record follows" in second["error"]["message"]


def test_missing_resource_is_named(service: LambdaService) -> None:
    event = service.project / "events/queues/Missing/a.json"
    event.parent.mkdir(exist_ok=True)
    event.write_text("{}")
    (found,) = check(service, str(event))["checks"]
    assert "queues/Missing: " in found["error"]["message"]
