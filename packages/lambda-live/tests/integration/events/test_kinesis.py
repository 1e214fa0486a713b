import json
from itertools import chain
from typing import Any

import pytest

from support.aws import Aws
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

APP = """
import base64, json, os, pathlib

FILE = pathlib.Path(os.environ["EVENTS"])

def handler(event, context):
    with FILE.open("a") as file:
        file.write(json.dumps([context.function_name, event]) + "\\n")
    for record in event["Records"]:
        if base64.b64decode(record["kinesis"]["data"]) == b"bad":
            raise ValueError("bad")
"""
TEMPLATE = """
Resources:
  Failed: {Type: AWS::S3::Bucket}
  Parallel: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Retried: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 2, Name: retried}}
  Lanes: &function
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Code: code/
      Handler: app.handler
      Environment: {Variables: {EVENTS: ../events.jsonl}}
  Retries: *function
  Idle: *function
  LanesMapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Lanes
      EventSourceArn: !GetAtt Parallel.Arn
      StartingPosition: TRIM_HORIZON
      ParallelizationFactor: 4
      BatchSize: 5
  RetriesMapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Retries
      EventSourceArn: !GetAtt Retried.Arn
      StartingPosition: TRIM_HORIZON
      MaximumRetryAttempts: 2
      DestinationConfig: {OnFailure: {Destination: !GetAtt Failed.Arn}}
  DisabledMapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Idle
      EventSourceArn: !GetAtt Retried.Arn
      StartingPosition: TRIM_HORIZON
      Enabled: false
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": APP}, handler=None)


@pytest.fixture(scope="module")
def aws(service: LambdaService) -> Aws:
    return Aws(service)


def records(aws: Aws, function: str) -> list[Any]:
    return list(chain.from_iterable(event["Records"] for event in aws.events(function)))


def test_parallel_lanes_keep_the_order_of_each_key(aws: Aws) -> None:
    for number in range(40):
        key = f"key-{number % 4}"
        aws.kinesis.put_record(StreamName="Parallel", PartitionKey=key, Data=str(number).encode())
    wait_until(lambda: len(records(aws, "Lanes")) == 40, "all records")

    found: dict[str, list[int]] = {}
    for each in records(aws, "Lanes"):
        sequence = int(each["kinesis"]["sequenceNumber"])
        found.setdefault(each["kinesis"]["partitionKey"], []).append(sequence)
    assert len(found) == 4
    assert all(each == sorted(each) for each in found.values())
    assert all(len(event["Records"]) <= 5 for event in aws.events("Lanes"))


def test_batch_without_retries_left_goes_to_the_bucket(service: LambdaService, aws: Aws) -> None:
    aws.kinesis.put_record(StreamName="retried", PartitionKey="a", Data=b"bad")
    aws.kinesis.put_record(StreamName="retried", PartitionKey="a", Data=b"good")

    def keys() -> list[str]:
        found = aws.s3.list_objects_v2(Bucket="failed").get("Contents", [])
        return [each["Key"] for each in found]

    (key,) = wait_until(keys, "the failure record")
    record = json.load(aws.s3.get_object(Bucket="failed", Key=key)["Body"])
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["KinesisBatchInfo"]["shardId"].startswith("shardId-")
    assert "Records" in json.loads(record["payload"])
    service.wait_for_line("RetryAttemptsExhausted")


def test_disabled_mapping_delivers_once_it_is_enabled(service: LambdaService, aws: Aws) -> None:
    aws.kinesis.put_record(StreamName="retried", PartitionKey="b", Data=b"later")
    (mapping,) = service.boto3.list_event_source_mappings(FunctionName="Idle")[
        "EventSourceMappings"
    ]
    assert mapping["State"] == "Disabled"
    assert not aws.events("Idle")

    service.boto3.update_event_source_mapping(
        UUID=mapping["UUID"], Enabled=True, MaximumRetryAttempts=0
    )
    wait_until(
        lambda: any(each["kinesis"]["data"] == "bGF0ZXI=" for each in records(aws, "Idle")),
        "the record",
    )
