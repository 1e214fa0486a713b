import hashlib
import json
from typing import Any

import pytest

from support.aws import RECORDER, RECORDERS, Aws
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

ARN = "arn:aws:sqs:us-east-1:123456789012:"
TEMPLATE = (
    RECORDERS
    + """
  Dead: {Type: AWS::SQS::Queue}
  Orders:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  DeadSequence: {Type: AWS::SQS::Queue, Properties: {FifoQueue: true}}
  Sequence:
    Type: AWS::SQS::Queue
    Properties:
      FifoQueue: true
      ContentBasedDeduplication: true
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadSequence.Arn, maxReceiveCount: 2}
  Large: {Type: AWS::SQS::Queue}
  Limited: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  Windowed: {Type: AWS::SQS::Queue, Properties: {QueueName: windowed}}
  Filtered: {Type: AWS::SQS::Queue}
  Single:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 1
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
        NoQueue: {Type: SQS, Properties: {BatchSize: 1}}
  Elsewhere:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !GetAtt Batched.Arn
      EventSourceArn: arn:aws:sqs:us-east-1:123456789012:elsewhere
      DestinationConfig: {OnFailure: {Destination: !GetAtt Dead.Arn}}
  Unsure:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Batched, EventSourceArn: !GetAtt Dead.Arn, Enabled: maybe}
  AsText:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !GetAtt Batched.Arn
      EventSourceArn: !GetAtt Filtered.Arn
      FunctionResponseTypes: ReportBatchItemFailures
  Batched:
    Type: AWS::Serverless::Function
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !GetAtt Batched.Arn
      EventSourceArn: !GetAtt Windowed.Arn
      BatchSize: 12
      MaximumBatchingWindowInSeconds: 30
  Whole:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt Large.Arn, BatchSize: 20, MaximumBatchingWindowInSeconds: 30}
        Dead: {Type: SQS, Properties: {Queue: !GetAtt Dead.Arn, Enabled: false}}
  Looped:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 2
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Stopped.Arn, maxReceiveCount: 2}
  Stopped: {Type: AWS::SQS::Queue}
  Loops:
    Type: AWS::Serverless::Function
    Properties:
      Handler: loop.send_again
      Timeout: 2
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Looped.Arn}}}
  Tenants:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt WithoutTenant.Arn, maxReceiveCount: 2}
  WithoutTenant: {Type: AWS::SQS::Queue}
  Isolated:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 1
      TenancyConfig: {TenantIsolationMode: PER_TENANT}
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Tenants.Arn}}}
  Busy:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Throttled.Arn, maxReceiveCount: 9}
  Throttled: {Type: AWS::SQS::Queue}
  Bytes:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadBytes.Arn, maxReceiveCount: 2}
  DeadBytes: {Type: AWS::SQS::Queue}
  Binary:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.return_bytes
      Timeout: 1
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Bytes.Arn
            FunctionResponseTypes: [ReportBatchItemFailures]
  Reserved:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 1
      ReservedConcurrentExecutions: 0
      Events: {Queue: {Type: SQS, Properties: {Queue: !GetAtt Busy.Arn}}}
  Slow:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.wait
      Events:
        Queue:
          Type: SQS
          Properties:
            Queue: !GetAtt Limited.Arn
            BatchSize: 1
            ScalingConfig: {MaximumConcurrency: 2}
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
)

LOOP = """
import boto3
import app

sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="Looped")["QueueUrl"]

def send_again(event, context):
    app.handler(event, context)
    for record in event["Records"]:
        sqs.send_message(QueueUrl=url, MessageBody=record["body"])
"""
BYTES = """
def return_bytes(event, context):
    handler(event, context)
    return b"not json"
"""
WAITS = """
def wait(event, context):
    import time
    running = FILE.parent / "running"
    running.mkdir(exist_ok=True)
    own = running / context.aws_request_id
    own.touch()
    while not (FILE.parent / "go").exists():
        time.sleep(0.01)
    count = len(list(running.iterdir()))
    own.unlink()
    handler({"count": count, "Records": event["Records"]}, context)
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    files = {"code/app.py": RECORDER + WAITS + BYTES, "code/loop.py": LOOP}
    return start_module_service({"template.yaml": TEMPLATE, **files}, handler=None)


@pytest.fixture(scope="module")
def aws(service: LambdaService) -> Aws:
    return Aws(service)


def bodies(events: list[Any]) -> list[str]:
    return [record["body"] for event in events for record in event["Records"]]


def test_startup_with_resources_lists_them_with_the_url(service: LambdaService, aws: Aws) -> None:
    line = next(each for each in service.lines if "MiniStack" in each)
    assert f"16 queues (MiniStack, {aws.url})" in line


def test_message_reaches_the_function_as_on_aws(aws: Aws) -> None:
    attributes = {
        "kind": {"DataType": "String", "StringValue": "x"},
        "blob": {"DataType": "Binary", "BinaryValue": b"xyz"},
    }
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    sent = aws.send("Orders", "one", MessageAttributes=attributes, MessageSystemAttributes=header)
    wait_until(lambda: "one" in bodies(aws.events("Single")), "the message")
    (record,) = (
        each for event in aws.events("Single") for each in event["Records"] if each["body"] == "one"
    )
    assert record["messageId"] == sent
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:123456789012:Orders"
    assert record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["AWSTraceHeader"] == trace
    assert record["attributes"].keys() >= {
        "ApproximateFirstReceiveTimestamp",
        "SenderId",
        "SentTimestamp",
    }
    lists: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "kind": {"stringValue": "x", "dataType": "String"} | lists,
        "blob": {"binaryValue": "eHl6", "dataType": "Binary"} | lists,
    }
    assert record["md5OfBody"] == hashlib.md5(b"one").hexdigest()  # noqa: S324  # SQS uses it
    assert len(record["md5OfMessageAttributes"]) == 32
    wait_until(lambda: aws.is_empty("Orders"), "the deleted message")


@pytest.mark.parametrize("how", ["raise", "exit", "hang"])
def test_message_of_a_failing_function_goes_to_the_dead_letter_queue(aws: Aws, how: str) -> None:
    aws.sqs.purge_queue(QueueUrl=aws.queue("Dead"))
    aws.send("Orders", f"{how} twice")
    (dead,) = aws.receive("Dead")
    assert dead["Body"] == f"{how} twice"
    assert dead["Attributes"]["DeadLetterQueueSourceArn"].endswith(":Orders")
    assert bodies(aws.events("Single")).count(f"{how} twice") == 2


def test_partial_failure_deletes_the_other_messages_of_the_batch(aws: Aws) -> None:
    aws.sqs.purge_queue(QueueUrl=aws.queue("Dead"))
    reported = 'return {"batchItemFailures": [{"itemIdentifier": "ID"}]}'
    entries = [{"Id": str(at), "MessageBody": each} for at, each in enumerate(("a", reported))]
    aws.sqs.send_message_batch(QueueUrl=aws.queue("Orders"), Entries=entries)
    assert [each["Body"] for each in aws.receive("Dead")] == [reported]
    batches = [bodies([each]) for each in aws.events("Single")]
    assert ["a", reported] in batches
    assert bodies(aws.events("Single")).count("a") == 1


@pytest.mark.parametrize(
    "response",
    [
        '{"batchItemFailures": [{"itemIdentifier": "ID"}]}',
        '{"batchItemFailures": [{"itemIdentifier": ""}]}',
        '{"batchItemFailures": [{"itemIdentifier": null}]}',
        '{"batchItemFailures": [{"itemIdentifier": 1}]}',
        '{"batchItemFailures": [{"itemIdentifier": "unknown"}]}',
        '{"batchItemFailures": [{"foo": "ID"}]}',
        '{"batchItemFailures": [null]}',
        '{"batchItemFailures": "ID"}',
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


def test_response_that_is_not_json_keeps_the_messages(aws: Aws) -> None:
    aws.send("Bytes", "bytes")
    assert [each["Body"] for each in aws.receive("DeadBytes")] == ["bytes"]
    assert bodies(aws.events("Binary")) == ["bytes", "bytes"]


def test_throttled_messages_wait_until_the_function_has_capacity(
    service: LambdaService, aws: Aws
) -> None:
    aws.send("Busy", "throttled")
    line = service.wait_for_line("Busy: 1 of 1 message failed in Reserved (throttled)")
    assert "visible again in" in line
    service.boto3.put_function_concurrency(FunctionName="Reserved", ReservedConcurrentExecutions=1)
    wait_until(lambda: bodies(aws.events("Reserved")) == ["throttled"], "the message")
    wait_until(lambda: aws.is_empty("Busy"), "an empty queue")


def test_message_in_a_recursive_loop_goes_to_the_dead_letter_queue(
    service: LambdaService, aws: Aws
) -> None:
    aws.send("Looped", "again")
    (stopped,) = aws.receive("Stopped")
    assert stopped["Body"] == "again"
    assert bodies(aws.events("Loops")) == ["again"] * 16
    service.wait_for_line("Looped: 1 of 1 message failed in Loops (Lambda has detected")


def test_message_for_a_function_with_tenants_goes_to_the_dead_letter_queue(
    service: LambdaService, aws: Aws
) -> None:
    aws.send("Tenants", "without a tenant")
    assert [each["Body"] for each in aws.receive("WithoutTenant")] == ["without a tenant"]
    service.wait_for_line("Tenants: 1 of 1 message failed in Isolated (The invoked function is")
    assert not aws.events("Isolated")


def test_fifo_group_is_delivered_in_order(aws: Aws) -> None:
    for number in range(5):
        aws.send("Sequence.fifo", str(number), MessageGroupId="group")
    wait_until(lambda: len(bodies(aws.events("Ordered"))) == 5, "five messages")
    assert bodies(aws.events("Ordered")) == list("01234")


def test_record_of_a_fifo_queue_has_its_group_and_sequence(aws: Aws) -> None:
    wait_until(lambda: aws.events("Ordered"), "a message")
    attributes = aws.events("Ordered")[0]["Records"][0]["attributes"]
    assert attributes["MessageGroupId"] == "group"
    assert attributes.keys() >= {"MessageDeduplicationId", "SequenceNumber"}


def test_failed_fifo_message_blocks_its_group_alone(aws: Aws) -> None:
    for body, group in (("raise first", "bad"), ("second", "bad"), ("other", "good")):
        aws.send("Sequence.fifo", body, MessageGroupId=group)
    wait_until(lambda: "second" in bodies(aws.events("Ordered")), "the message after the failed")
    found = [each for each in bodies(aws.events("Ordered")) if each not in "01234"]
    assert found.index("other") < found.index("second")
    assert [each for each in found if each != "other"] == ["raise first", "raise first", "second"]
    assert [each["Body"] for each in aws.receive("DeadSequence.fifo")] == ["raise first"]


def test_batch_ends_before_6_mb_of_utf_8(aws: Aws) -> None:
    for _ in range(7):
        aws.send("Large", "ä" * 520_000)
    wait_until(lambda: len(bodies(aws.events("Whole"))) == 7, "seven messages")
    assert sorted(len(each["Records"]) for each in aws.events("Whole")) == [1, 6]


def test_failures_that_the_mapping_does_not_request_are_ignored(
    service: LambdaService, aws: Aws
) -> None:
    (mapping,) = service.boto3.list_event_source_mappings(
        FunctionName="Whole", EventSourceArn="arn:aws:sqs:us-east-1:123456789012:Large"
    )["EventSourceMappings"]
    service.boto3.update_event_source_mapping(
        UUID=mapping["UUID"], BatchSize=1, MaximumBatchingWindowInSeconds=0
    )
    body = 'return {"batchItemFailures": [{"itemIdentifier": "ID"}]}'
    aws.send("Large", body)
    wait_until(lambda: body in bodies(aws.events("Whole")), "the message")
    wait_until(lambda: aws.is_empty("Large"), "the deleted message")


def test_maximum_concurrency_limits_the_batches_in_flight(service: LambdaService, aws: Aws) -> None:
    for number in range(6):
        aws.send("Limited", str(number))
    running = service.project / "running"
    wait_until(lambda: running.exists() and len(list(running.iterdir())) == 2, "two batches")
    (service.project / "go").touch()
    wait_until(lambda: len(aws.events("Slow")) == 6, "all messages")
    assert max(each["count"] for each in aws.events("Slow")) == 2
    assert sorted(bodies(aws.events("Slow"))) == list("012345")


def test_batch_with_a_window_is_filled_to_its_size(aws: Aws) -> None:
    for number in range(12):
        aws.send("windowed", str(number))
    wait_until(lambda: len(aws.events("Batched")) == 1, "the batch")
    assert sorted(map(int, bodies(aws.events("Batched")))) == list(range(12))


def test_filters_drop_other_messages(aws: Aws) -> None:
    for body in ('{"total": 5}', "other", '{"total": 50}', "plain", '{"body": "plain"}', "[]"):
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
    with pytest.raises(service.boto3.exceptions.ResourceConflictException, match="with SQS arn"):
        service.boto3.create_event_source_mapping(EventSourceArn=arn, FunctionName="Batched")
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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0"),
        ({"BatchSize": 10_001, "MaximumBatchingWindowInSeconds": 1}, "from 1 to 10000"),
        ({"MaximumBatchingWindowInSeconds": 301}, "from 0 to 300"),
        ({"ScalingConfig": {"MaximumConcurrency": 1001}}, "from 2 to 1000"),
        ({"FunctionResponseTypes": ["Report"]}, "FunctionResponseTypes"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "text"}]}}, "Invalid filter pattern"),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"body": "text"}'}]}},
            "Invalid filter pattern",
        ),
        ({"StartingPosition": "LATEST"}, "isn't supported for SQS"),
        ({"EventSourceArn": ARN + "Orders.fifo", "BatchSize": 11}, "at most 10 for FIFO"),
        (
            {"EventSourceArn": ARN + "Orders.fifo", "MaximumBatchingWindowInSeconds": 1},
            "not supported for FIFO",
        ),
        ({"EventSourceArn": ARN + "missing"}, "SQS Error Code"),
        ({"EventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster"}, "Unrecognized"),
    ],
)
def test_mapping_with_settings_that_aws_rejects_is_rejected(
    service: LambdaService, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(service.boto3.exceptions.InvalidParameterValueException, match=message):
        service.boto3.create_event_source_mapping(
            **{"EventSourceArn": ARN + "Filtered", "FunctionName": "Single"} | settings
        )


def test_queue_outside_the_template_is_reported_with_its_line(service: LambdaService) -> None:
    line = TEMPLATE[: TEMPLATE.index("  Elsewhere")].count("\n") + 1

    service.wait_for_line(
        f"template.yaml:{line}: queue elsewhere: The specified queue does not exist"
    )
    service.wait_for_line("; add it to the template")
    assert not any("GetQueueUrl" in each for each in service.lines)


def test_response_types_that_are_no_list_are_rejected(service: LambdaService) -> None:
    problem = "invalid FunctionResponseTypes ReportBatchItemFailures; use [ReportBatchItemFailures]"
    service.wait_for_line(f"AsText delivers nothing: {problem}")

    body = {"EventSourceArn": f"{ARN}Filtered", "FunctionName": "Single"}
    body["FunctionResponseTypes"] = "ReportBatchItemFailures"
    path = "/2015-03-31/event-source-mappings/"
    answer = service.request("POST", path, json.dumps(body).encode())
    assert (answer.status, problem in answer.json()["message"]) == (400, True)


def test_mapping_without_a_source_or_with_an_invalid_flag_is_reported(
    service: LambdaService,
) -> None:
    service.wait_for_line("OrderedNoQueue delivers nothing: its source is missing; write the ARN")
    service.wait_for_line("Unsure delivers nothing: Enabled must be true or false, not 'maybe'")


def test_destination_of_a_queue_has_no_effect_and_is_reported(service: LambdaService) -> None:
    service.wait_for_line("DestinationConfig of Elsewhere has no effect locally; remove it")
    service.wait_for_line("queue elsewhere: The specified queue does not exist")


def test_mapping_of_the_template_that_aws_rejects_is_reported_with_its_line(
    service: LambdaService,
) -> None:
    line = TEMPLATE[: TEMPLATE.index("Queue: {Type: SQS, Properties: {Queue: !GetAtt Sequence")]
    place = f"template.yaml:{line.count(chr(10)) + 1}: queue Sequence.fifo"

    service.wait_for_line(f"{place}: AWS rejects this mapping: its visibility timeout, 1 s,")
