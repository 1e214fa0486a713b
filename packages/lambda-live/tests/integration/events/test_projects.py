"""Three small applications of common shapes, end to end by boto3."""

import json
from functools import partial
from typing import Any

import pytest

from support.aws import Aws
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

APP = """
import json, os, urllib.parse
import boto3
from botocore.exceptions import ClientError

s3, events = boto3.client("s3"), boto3.client("events")
items = boto3.resource("dynamodb").Table(os.environ["ITEMS"])

def index(event, context):  # a queue behind a topic behind a bucket
    for message in event["Records"]:
        notification = json.loads(json.loads(message["body"])["Message"])
        for record in notification.get("Records", []):
            store(record, "index")

def copy(event, context):  # the same, with raw messages
    for message in event["Records"]:
        for record in json.loads(message["body"]).get("Records", []):
            store(record, "copy")

def store(record, step):
    key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
    text = s3.get_object(Bucket=record["s3"]["bucket"]["name"], Key=key)["Body"].read().decode()
    items.put_item(Item={"id": f"{step} {key}", "text": text})

def pay(event, context):  # each order once, though a batch is repeated
    failed = []
    for record in event["Records"]:
        order = record["dynamodb"]["NewImage"]["id"]["S"]
        try:
            items.put_item(
                Item={"id": f"paid {order}"}, ConditionExpression="attribute_not_exists(id)"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
        attempts = items.update_item(
            Key={"id": f"attempts {order}"},
            UpdateExpression="ADD attempts :one",
            ExpressionAttributeValues={":one": 1},
            ReturnValues="UPDATED_NEW",
        )["Attributes"]["attempts"]
        if order == "flaky" and attempts < 3:
            failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
            break
    return {"batchItemFailures": failed}

def step(event, context):  # a link of a chain of events
    number = event["detail"]["step"]
    path = [*event["detail"]["path"], context.function_name]
    if number == 5:
        items.put_item(Item={"id": "chain", "path": path})
        return
    events.put_events(
        Entries=[
            {
                "Source": "chain",
                "DetailType": f"Step{number + 1}",
                "Detail": json.dumps({"step": number + 1, "path": path}),
                "EventBusName": os.environ["BUS"],
            }
        ]
    )
"""
_STEP = """
  Step{0}:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.step
      Events:
        Rule:
          Type: EventBridgeRule
          Properties: {{EventBusName: !Ref Bus, Pattern: {{detail-type: [Step{0}]}}}}
"""
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.12
    CodeUri: code/
    Timeout: 20
    Environment: {Variables: {ITEMS: !Ref Items, BUS: !Ref Bus}}
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: chain}}
  Items: {Type: AWS::Serverless::SimpleTable}
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      NotificationConfiguration:
        TopicConfigurations: [{Event: 's3:ObjectCreated:*', Topic: !Ref Changes}]
  Changes: {Type: AWS::SNS::Topic}
  Indexed: {Type: AWS::SQS::Queue}
  Copied: {Type: AWS::SQS::Queue}
  IndexedSubscription:
    Type: AWS::SNS::Subscription
    Properties: {TopicArn: !Ref Changes, Protocol: sqs, Endpoint: !GetAtt Indexed.Arn}
  CopiedSubscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Changes
      Protocol: sqs
      Endpoint: !GetAtt Copied.Arn
      RawMessageDelivery: true
  Index:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.index
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Indexed.Arn}}}
  Copy:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.copy
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Copied.Arn}}}
  Pay:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.pay
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Orders.StreamArn
            StartingPosition: TRIM_HORIZON
            FunctionResponseTypes: [ReportBatchItemFailures]
""" + "".join(map(_STEP.format, range(1, 6)))


@pytest.fixture(scope="module")
def aws(start_module_service: StartService) -> Aws:
    files = {"template.yaml": TEMPLATE, "code/app.py": APP}
    service: LambdaService = start_module_service(files, handler=None)
    return Aws(service)


def item(aws: Aws, key: str) -> Any:
    found = aws.dynamodb.get_item(TableName="Items", Key={"id": {"S": key}}, ConsistentRead=True)
    return found.get("Item")


def test_object_fans_out_over_topic_and_queues_to_two_functions(aws: Aws) -> None:
    aws.s3.put_object(Bucket="uploads", Key="in/a b+ü.txt", Body=b"content")
    for step in ("index", "copy"):
        stored = wait_until(partial(item, aws, f"{step} in/a b+ü.txt"), step)
        assert stored["text"] == {"S": "content"}


def test_table_stream_with_partial_failures_pays_each_order_once(aws: Aws) -> None:
    for order in ("first", "flaky", "last"):
        aws.dynamodb.put_item(TableName="Orders", Item={"id": {"S": order}})
    wait_until(lambda: item(aws, "attempts last"), "the last order")
    for order, attempts in (("first", "1"), ("flaky", "3"), ("last", "1")):
        assert item(aws, f"paid {order}")
        assert item(aws, f"attempts {order}")["attempts"] == {"N": attempts}


def test_five_functions_pass_an_event_on_over_a_bus(aws: Aws) -> None:
    entry = {
        "Source": "test",
        "DetailType": "Step1",
        "Detail": json.dumps({"step": 1, "path": []}),
        "EventBusName": "chain",
    }
    aws.bus.put_events(Entries=[entry])
    stored = wait_until(lambda: item(aws, "chain"), "the end of the chain")
    assert stored["path"] == {"L": [{"S": f"Step{number}"} for number in range(1, 6)]}
