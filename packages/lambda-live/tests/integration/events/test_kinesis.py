import base64
import json
import time
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
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/"
TEMPLATE = """
Resources:
  Failed: {Type: AWS::S3::Bucket}
  Parallel: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Aged: {Type: AWS::Kinesis::Stream}
  Dated: {Type: AWS::Kinesis::Stream}
  Expired: {Type: AWS::SNS::Topic}
  ExpiredQueue: {Type: AWS::SQS::Queue}
  Retried: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 2, Name: retried}}
  Lanes: &function
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Code: code/
      Handler: app.handler
      Environment: {Variables: {EVENTS: ../events.jsonl}}
  Retries: *function
  Aging: *function
  Newest: *function
  Chosen: *function
  Idle: *function
  Lost: *function
  LostMapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Lost
      EventSourceArn: !GetAtt Retried.Arn
      StartingPosition: TRIM_HORIZON
      MaximumRetryAttempts: 0
      DestinationConfig: {OnFailure: {Destination: arn:aws:sqs:us-east-1:123456789012:missing}}
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
  AgingMapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Aging
      EventSourceArn: !GetAtt Aged.Arn
      StartingPosition: TRIM_HORIZON
      MaximumRecordAgeInSeconds: 2
      DestinationConfig: {OnFailure: {Destination: !Ref Expired}}
  ExpiredSubscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Expired
      Protocol: sqs
      Endpoint: !GetAtt ExpiredQueue.Arn
      RawMessageDelivery: true
  ChosenMapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Chosen
      EventSourceArn: !GetAtt Parallel.Arn
      StartingPosition: TRIM_HORIZON
      FilterCriteria:
        Filters:
          - Pattern: '{"partitionKey": ["chosen"], "data": {"total": [{"numeric": [">", 1]}]}}'
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
    return start_module_service(
        {"template.yaml": TEMPLATE, "code/app.py": APP},
        handler=None,
        constants={"events.mapping._MIN_AGE_SECONDS": 1},
    )


@pytest.fixture(scope="module")
def aws(service: LambdaService) -> Aws:
    return Aws(service)


def put(aws: Aws, stream: str, data: str, key: str = "a") -> None:
    aws.kinesis.put_record(StreamName=stream, PartitionKey=key, Data=data.encode())


def decoded(aws: Aws, function: str) -> list[str]:
    found = (each["kinesis"]["data"] for each in records(aws, function))
    return [base64.b64decode(each).decode() for each in found]


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


def test_missing_destination_is_reported_with_its_line(service: LambdaService, aws: Aws) -> None:
    aws.kinesis.put_record(StreamName="retried", PartitionKey="a", Data=b"bad")

    line = TEMPLATE[: TEMPLATE.index("  LostMapping")].count("\n") + 1
    mapping = f"template.yaml:{line}: stream retried: OnFailure arn:aws:sqs:us-east-1:123456789012:"
    service.wait_for_line(
        f"{mapping}missing gets no record: The specified queue does not exist; add it to the"
    )


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


def test_record_of_a_stream_has_the_form_of_aws(aws: Aws) -> None:
    wait_until(lambda: records(aws, "Lanes"), "a record")
    record = records(aws, "Lanes")[0]
    kinesis = record["kinesis"]
    assert record["eventID"].startswith("shardId-")
    assert record["eventID"].endswith(f":{kinesis['sequenceNumber']}")
    assert record["eventSource"] == "aws:kinesis"
    assert record["eventVersion"] == kinesis["kinesisSchemaVersion"] == "1.0"
    assert record["eventName"] == "aws:kinesis:record"
    assert record["invokeIdentityArn"].startswith("arn:aws:iam::123456789012:role/")
    assert record["eventSourceARN"] == ARN + "Parallel"
    assert isinstance(kinesis["approximateArrivalTimestamp"], float)


def test_record_that_is_too_old_goes_to_the_topic(aws: Aws) -> None:
    put(aws, "Aged", "bad")
    put(aws, "Aged", "good")
    message, *_ = aws.receive("ExpiredQueue")
    failed = json.loads(message["Body"])
    assert failed["requestContext"]["condition"] == "MaximumRecordAgeExceeded"
    assert failed["requestContext"]["approximateInvokeCount"] > 1
    assert failed["KinesisBatchInfo"]["batchSize"] >= 1


def test_filter_on_the_data_and_the_key_selects_records(aws: Aws) -> None:
    for key, data in (("other", '{"total": 2}'), ("chosen", '{"total": 1}'), ("chosen", "text")):
        put(aws, "Parallel", data, key)
    put(aws, "Parallel", '{"total": 3}', "chosen")
    wait_until(lambda: decoded(aws, "Chosen") == ['{"total": 3}'], "the record")


def test_latest_position_omits_earlier_records(service: LambdaService, aws: Aws) -> None:
    put(aws, "Dated", "before")
    created = service.boto3.create_event_source_mapping(
        FunctionName="Newest", EventSourceArn=ARN + "Dated", StartingPosition="LATEST"
    )

    def is_read() -> bool:
        put(aws, "Dated", "after")
        return bool(decoded(aws, "Newest"))

    wait_until(is_read, "a record")
    assert set(decoded(aws, "Newest")) == {"after"}
    service.boto3.delete_event_source_mapping(UUID=created["UUID"])


def test_position_at_a_timestamp_omits_earlier_records(service: LambdaService, aws: Aws) -> None:
    put(aws, "Dated", "too early")
    moment = int(time.time()) + 1
    wait_until(lambda: time.time() > moment, "the next second")
    put(aws, "Dated", "in time")
    service.boto3.create_event_source_mapping(
        FunctionName="Newest",
        EventSourceArn=ARN + "Dated",
        StartingPosition="AT_TIMESTAMP",
        StartingPositionTimestamp=moment,
    )
    wait_until(lambda: "in time" in decoded(aws, "Newest"), "the record")
    assert "too early" not in decoded(aws, "Newest")
    with pytest.raises(service.boto3.exceptions.ResourceConflictException) as conflict:
        service.boto3.create_event_source_mapping(
            FunctionName="Newest", EventSourceArn=ARN + "Dated", StartingPosition="LATEST"
        )
    names = f'The event source arn (" {ARN}Dated ") and function (" Newest ") provided mapping'
    assert names in conflict.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"StartingPosition": None}, "invalid StartingPosition"),
        ({"ParallelizationFactor": 11}, "from 1 to 10"),
        ({"MaximumRetryAttempts": 10_001}, "from -1 to 10000"),
        ({"MaximumRecordAgeInSeconds": 604_801}, "from -1 to 604800"),
        ({"TumblingWindowInSeconds": 901}, "from 0 to 900"),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, "isn't supported for Kinesis"),
        ({"DestinationConfig": {"OnSuccess": {"Destination": ARN}}}, "Unsupported DestinationC"),
        ({"EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/none"}, "not found"),
    ],
)
def test_mapping_with_settings_that_aws_rejects_is_rejected(
    service: LambdaService, settings: dict[str, Any], message: str
) -> None:
    wanted = {
        "FunctionName": "Newest",
        "EventSourceArn": ARN + "Aged",
        "StartingPosition": "TRIM_HORIZON",
    } | settings
    arguments = {name: value for name, value in wanted.items() if value is not None}
    with pytest.raises(service.boto3.exceptions.InvalidParameterValueException, match=message):
        service.boto3.create_event_source_mapping(**arguments)
