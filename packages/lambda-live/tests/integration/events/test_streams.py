import json
from itertools import chain
from typing import Any

import pytest

from support.aws import Aws
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

APP = """
import json, os, pathlib

FILE = pathlib.Path(os.environ["EVENTS"])

def handler(event, context):
    with FILE.open("a") as file:
        file.write(json.dumps([context.function_name, event]) + "\\n")
    failed = []
    for record in event["Records"]:
        dynamodb = record["dynamodb"]
        key = dynamodb["Keys"]["k"]["S"]
        if key.startswith("raise"):
            raise ValueError(key)
        if key.startswith("report"):
            failed.append({"itemIdentifier": dynamodb["SequenceNumber"]})
    return {"batchItemFailures": failed}

def total(event, context):
    import base64
    with FILE.open("a") as file:
        file.write(json.dumps([context.function_name, event]) + "\\n")
    state = event.get("state") or {}
    count = state.get("count", 0) + len(event["Records"])
    return {"state": {"count": count}, "batchItemFailures": []}
"""
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.12
    CodeUri: code/
    Handler: app.handler
    Environment: {Variables: {EVENTS: ../events.jsonl}}
Resources:
  Failed: {Type: AWS::SQS::Queue}
  Items: &table
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: k, AttributeType: S}]
      KeySchema: [{AttributeName: k, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
      StreamSpecification: {StreamViewType: NEW_AND_OLD_IMAGES}
  Others: *table
  Chosen: *table
  Clicks: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Bisecting:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Items.StreamArn
            StartingPosition: TRIM_HORIZON
            MaximumBatchingWindowInSeconds: 1
            MaximumRetryAttempts: 1
            BisectBatchOnFunctionError: true
            DestinationConfig: {OnFailure: {Destination: !GetAtt Failed.Arn}}
  Reporting:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Others.StreamArn
            StartingPosition: TRIM_HORIZON
            MaximumBatchingWindowInSeconds: 1
            MaximumRetryAttempts: 1
            FunctionResponseTypes: [ReportBatchItemFailures]
  Filtering:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt Chosen.StreamArn
            StartingPosition: TRIM_HORIZON
            FilterCriteria: {Filters: [{Pattern: '{"eventName": ["REMOVE"]}'}]}
  Totals:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.total
      Events:
        Stream:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Clicks.Arn
            StartingPosition: TRIM_HORIZON
            TumblingWindowInSeconds: 2
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": APP}, handler=None)


@pytest.fixture(scope="module")
def aws(service: LambdaService) -> Aws:
    return Aws(service)


def put(aws: Aws, table: str, *keys: str) -> None:
    requests = [{"PutRequest": {"Item": {"k": {"S": key}}}} for key in keys]
    aws.dynamodb.batch_write_item(RequestItems={table: requests})


def keys(event: Any) -> list[str]:
    return [each["dynamodb"]["Keys"]["k"]["S"] for each in event["Records"]]


def all_keys(aws: Aws, function: str) -> list[str]:
    return list(chain.from_iterable(map(keys, aws.events(function))))


def test_failing_batch_is_bisected_and_its_bad_record_goes_to_on_failure(aws: Aws) -> None:
    put(aws, "Items", "a", "b", "raise", "c")
    (message,) = aws.receive("Failed")
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["functionArn"].endswith(":function:Bisecting")
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["DDBStreamBatchInfo"]["batchSize"] == 1
    wait_until(lambda: ["c"] in map(keys, aws.events("Bisecting")), "the record after the bad one")
    batches = list(map(keys, aws.events("Bisecting")))
    assert batches.count(["raise"]) == 2  # one retry
    assert {key for batch in batches if "raise" not in batch for key in batch} == {"a", "b", "c"}


def test_record_of_a_table_has_the_form_of_aws(aws: Aws) -> None:
    wait_until(lambda: aws.events("Bisecting"), "a batch")
    record = aws.events("Bisecting")[0]["Records"][0]
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["eventVersion"] == "1.1"
    assert record["eventSourceARN"].startswith(
        "arn:aws:dynamodb:us-east-1:123456789012:table/Items"
    )
    assert isinstance(record["dynamodb"]["ApproximateCreationDateTime"], int | float)
    assert record["dynamodb"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    assert record["dynamodb"]["NewImage"] == {"k": {"S": "a"}}


def test_partial_failure_repeats_from_the_first_failed_record(aws: Aws) -> None:
    put(aws, "Others", "a")
    put(aws, "Others", "report")
    put(aws, "Others", "b")
    wait_until(lambda: "b" in all_keys(aws, "Reporting"), "the last record")
    wait_until(lambda: all_keys(aws, "Reporting").count("report") == 2, "a retry")
    assert all_keys(aws, "Reporting").count("a") == 1


def test_filter_on_the_event_name_selects_records(aws: Aws) -> None:
    put(aws, "Chosen", "a")
    aws.dynamodb.delete_item(TableName="Chosen", Key={"k": {"S": "a"}})
    wait_until(lambda: aws.events("Filtering"), "the record")
    names = [each["eventName"] for event in aws.events("Filtering") for each in event["Records"]]
    assert names == ["REMOVE"]


def test_tumbling_window_carries_its_state_to_the_final_invocation(aws: Aws) -> None:
    for key in "abc":
        aws.kinesis.put_record(StreamName="Clicks", PartitionKey=key, Data=key.encode())

    def finals() -> list[Any]:
        return [each for each in aws.events("Totals") if each["isFinalInvokeForWindow"]]

    wait_until(lambda: sum(each["state"].get("count", 0) for each in finals()) == 3, "the windows")
    records = [each for event in aws.events("Totals") for each in event["Records"]]
    assert [each["kinesis"]["partitionKey"] for each in records] == list("abc")
    assert records[0]["kinesis"]["data"] == "YQ=="
    assert records[0]["eventName"] == "aws:kinesis:record"
    assert finals()[0]["Records"] == []
