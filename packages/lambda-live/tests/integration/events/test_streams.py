import base64
import json
from itertools import chain
from typing import Any

import pytest

from support.aws import RECORDERS, Aws
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
        if key.startswith("return "):
            return json.loads(key[7:].replace("ID", dynamodb["SequenceNumber"]))
        if key.startswith("raise"):
            raise ValueError(key)
        if key.startswith("report"):
            failed.append({"itemIdentifier": dynamodb["SequenceNumber"]})
    return {"batchItemFailures": failed}

def total(event, context):
    import base64
    with FILE.open("a") as file:
        file.write(json.dumps([context.function_name, event]) + "\\n")
    count, failed = (event.get("state") or {}).get("count", 0), []
    for record in event["Records"]:
        kinesis = record["kinesis"]
        data = base64.b64decode(kinesis["data"])
        if data == b"raise":
            raise ValueError(data)
        if data == b"report" and count < 2:
            failed = [{"itemIdentifier": kinesis["sequenceNumber"]}]
            count += 1
            break
        count += 1
    return {"state": {"count": count}, "batchItemFailures": failed}
"""
TEMPLATE = (
    RECORDERS
    + """
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
  Plain: {Type: AWS::Serverless::SimpleTable, Properties: {TableName: plain}}
  WithoutStream:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Bisecting
      EventSourceArn: arn:aws:dynamodb:us-east-1:123456789012:table/plain/stream/one
      StartingPosition: LATEST
  Lost: {Type: AWS::SQS::Queue}
  Clicks: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
  Views: {Type: AWS::Kinesis::Stream, Properties: {ShardCount: 1}}
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
  Windows:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.total
      Events:
        Stream:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Views.Arn
            StartingPosition: TRIM_HORIZON
            TumblingWindowInSeconds: 2
            MaximumRetryAttempts: 1
            FunctionResponseTypes: [ReportBatchItemFailures]
            DestinationConfig: {OnFailure: {Destination: !GetAtt Lost.Arn}}
"""
)


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


def test_changes_of_an_item_have_both_images(aws: Aws) -> None:
    for value in ("1", "1", "2"):  # the same item again is no change
        aws.dynamodb.put_item(TableName="Items", Item={"k": {"S": "item"}, "v": {"N": value}})
    aws.dynamodb.delete_item(TableName="Items", Key={"k": {"S": "item"}})

    def changes() -> list[Any]:
        records = chain.from_iterable(each["Records"] for each in aws.events("Bisecting"))
        found = {each["eventID"]: each for each in records}
        return [each for each in found.values() if each["dynamodb"]["Keys"]["k"]["S"] == "item"]

    wait_until(lambda: len(changes()) == 3, "the changes")
    assert [each["eventName"] for each in changes()] == ["INSERT", "MODIFY", "REMOVE"]
    assert changes()[1]["dynamodb"]["OldImage"] == {"k": {"S": "item"}, "v": {"N": "1"}}
    assert changes()[1]["dynamodb"]["NewImage"]["v"] == {"N": "2"}
    assert "NewImage" not in changes()[2]["dynamodb"]
    assert changes()[0]["awsRegion"] == "us-east-1"
    sequences = [int(each["dynamodb"]["SequenceNumber"]) for each in changes()]
    assert sequences == sorted(sequences)


FAILURES = (
    '{"batchItemFailures": [{"itemIdentifier": "ID"}]}',
    '{"batchItemFailures": [{"itemIdentifier": 123}]}',
    '{"batchItemFailures": [{"itemIdentifier": ""}]}',
    '{"batchItemFailures": [{"itemIdentifier": null}]}',
    '{"batchItemFailures": [{"foo": 123}]}',
    '{"batchItemFailures": [{"foo": null}]}',
)
SUCCESSES = ("[]", "null", "{}", '{"batchItemFailures": []}', '{"batchItemFailures": null}')


def test_response_decides_whether_a_batch_is_repeated(aws: Aws) -> None:
    for response in (*FAILURES, *SUCCESSES):
        put(aws, "Others", f"return {response}")
        delivered = [f"return {response}"] * (2 if response in FAILURES else 1)

        def is_done(delivered: list[str] = delivered) -> bool:
            return [
                each for each in all_keys(aws, "Reporting") if each == delivered[0]
            ] == delivered

        wait_until(is_done, response)
    put(aws, "Others", "after the responses")
    wait_until(lambda: "after the responses" in all_keys(aws, "Reporting"), "the last record")
    counts = {each: all_keys(aws, "Reporting").count(f"return {each}") for each in SUCCESSES}
    assert counts == dict.fromkeys(SUCCESSES, 1)


def test_partial_failure_repeats_from_the_first_failed_record(
    service: LambdaService, aws: Aws
) -> None:
    put(aws, "Others", "a")
    put(aws, "Others", "report")
    put(aws, "Others", "b")
    wait_until(lambda: "b" in all_keys(aws, "Reporting"), "the last record")
    wait_until(lambda: all_keys(aws, "Reporting").count("report") == 2, "a retry")
    assert all_keys(aws, "Reporting").count("a") == 1
    service.wait_for_line(": failed items in Reporting; ")


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


def test_windows_repeat_failed_records_and_give_up_exhausted_batches(
    service: LambdaService, aws: Aws
) -> None:
    for each in (b"a", b"report", b"raise", b"b"):
        aws.kinesis.put_record(StreamName="Views", PartitionKey="a", Data=each)

    def finals() -> list[Any]:
        return [each for each in aws.events("Windows") if each["isFinalInvokeForWindow"]]

    def data() -> list[list[str]]:
        events = (each for each in aws.events("Windows") if each["Records"])
        return [
            [base64.b64decode(each["kinesis"]["data"]).decode() for each in event["Records"]]
            for event in events
        ]

    (message,) = aws.receive("Lost")
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["KinesisBatchInfo"]["streamArn"].endswith("/Views")
    assert "RetryAttemptsExhausted" in service.wait_for_line("not processed by Windows")
    assert ["a"] not in data()[1:]  # only what failed is repeated
    assert sum(each == "report" for batch in data() for each in batch) == 2
    wait_until(finals, "the end of a window")
    repeated = next(each for each in aws.events("Windows")[1:] if each["Records"])
    assert repeated["state"]["count"] > 0  # of the records before the failed one


def test_table_without_a_stream_is_reported(service: LambdaService) -> None:
    service.wait_for_line("stream plain: the table has no stream; add a StreamSpecification to it")
