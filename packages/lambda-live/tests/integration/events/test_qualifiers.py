"""The alias or version that an event source names is in the ARN of the invoked function."""

from typing import Any

import pytest

from support.aws import Aws
from support.http import request
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, CodeUri: code/, Handler: app.handler}}
Resources:
  Orders: {Type: AWS::SQS::Queue}
  Mapped: {Type: AWS::SQS::Queue}
  Partly: {Type: AWS::SQS::Queue}
  Missing: {Type: AWS::SQS::Queue}
  Free: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  News: {Type: AWS::SNS::Topic}
  Files: {Type: AWS::S3::Bucket, Properties: {BucketName: files}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: NEW_IMAGE}
  Published:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      FunctionUrlConfig: {AuthType: NONE}
      Events:
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Orders.Arn}}
        Topic: {Type: SNS, Properties: {Topic: !Ref News}}
        Bucket: {Type: S3, Properties: {Bucket: !Ref Files, Events: "s3:ObjectCreated:*"}}
        Rule: {Type: EventBridgeRule, Properties: {Pattern: {source: [test]}}}
        Often: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
        Items:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Table.StreamArn, StartingPosition: TRIM_HORIZON}
  Work: {Type: AWS::Serverless::Function}
  Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Work}}
  Alias:
    Type: AWS::Lambda::Alias
    Properties: {Name: prod, FunctionName: !Ref Work, FunctionVersion: !GetAtt Version.Version}
  ByAlias:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Alias, EventSourceArn: !GetAtt Mapped.Arn}
  ByName:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Sub "${Work}:1", EventSourceArn: !GetAtt Partly.Arn}
  ByUnknown:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Sub "${Work}:gone", EventSourceArn: !GetAtt Missing.Arn}
"""
APP = """
import json

def handler(event, context):
    records = event.get("Records", [])
    sources = {each.get("eventSource") or each["EventSource"] for each in records}
    name = sources.pop() if sources else event.get("source", "url")
    print("EVENT", name, context.invoked_function_arn.partition(":function:")[2])
    return {"arn": context.invoked_function_arn}
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": APP}, handler=None)


@pytest.fixture(scope="module")
def aws(service: LambdaService) -> Aws:
    return Aws(service)


def wait_for_event(service: LambdaService, event: str) -> None:
    wait_until(lambda: any(f"EVENT {event}" in each for each in service.lines), event)


def test_alias_of_sam_applies_to_every_event(service: LambdaService, aws: Aws) -> None:
    aws.send("Orders", "one")
    topic = next(each["TopicArn"] for each in aws.sns.list_topics()["Topics"])
    aws.sns.publish(TopicArn=topic, Message="two")
    aws.s3.put_object(Bucket="files", Key="three", Body=b"")
    aws.bus.put_events(Entries=[{"Source": "test", "DetailType": "four", "Detail": "{}"}])
    aws.dynamodb.put_item(TableName="Table", Item={"id": {"S": "five"}})
    request(service.admin_url, "POST", "/schedules/PublishedOften/fire")

    for source in ("aws:sqs", "aws:sns", "aws:s3", "test", "aws:dynamodb", "aws.events"):
        wait_for_event(service, f"{source} Published:live")


def test_function_url_invokes_the_alias_of_sam(service: LambdaService) -> None:
    response = service.request("GET", "/", headers={"Host": "published.localhost"})

    assert response.json()["arn"].endswith(":Published:live")


@pytest.mark.parametrize(("queue", "qualifier"), [("Mapped", "prod"), ("Partly", "1")])
def test_mapping_invokes_the_alias_or_version_it_names(
    service: LambdaService, aws: Aws, queue: str, qualifier: str
) -> None:
    aws.send(queue, "one")

    wait_for_event(service, f"aws:sqs Work:{qualifier}")
    mappings = service.boto3.list_event_source_mappings(FunctionName="Work")
    found = {each["EventSourceArn"]: each for each in mappings["EventSourceMappings"]}
    (arn,) = [each["FunctionArn"] for key, each in found.items() if key.endswith(queue)]
    assert arn.endswith(f":function:Work:{qualifier}")


def test_mapping_of_a_client_invokes_its_alias(service: LambdaService, aws: Aws) -> None:
    source = "arn:aws:sqs:us-east-1:123456789012:Free"
    options: dict[str, Any] = {"EventSourceArn": source, "FunctionName": "Published:live"}
    created = service.boto3.create_event_source_mapping(**options)
    before = sum("EVENT aws:sqs Published:live" in each for each in service.lines)
    aws.send("Free", "one")

    assert created["FunctionArn"].endswith(":function:Published:live")
    wait_until(
        lambda: sum("EVENT aws:sqs Published:live" in each for each in service.lines) > before,
        "the event",
    )


def test_unknown_alias_of_a_mapping_is_reported(service: LambdaService) -> None:
    problem = "ByUnknown delivers nothing; Work has no alias or version gone"

    assert any(problem in each for each in service.lines)
