"""
Compare moto and MiniStack as the emulator of local resources.

`python -m bench.emulators MOTO MINISTACK` takes a Python with each of them, and prints which of the
behaviours that the event sources rely on are AWS's, then start, memory and latency.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import ClientError

from bench.server import free_port, is_listening
from bench.table import format_table

_REGION = "us-east-1"
_PROBES = 200
_MESSAGES = 200
_START_TIMEOUT_SECONDS = 30


def _commands(moto: str, ministack: str, port: int) -> dict[str, list[str]]:
    serve = "from moto.server import main; import sys; main(sys.argv[1:])"
    return {
        "moto": [moto, "-c", serve, "-H", "127.0.0.1", "-p", str(port)],
        "MiniStack": [ministack, "-m", "ministack.app"],
    }


class Emulator:
    """A running emulator, and its clients."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: dict[str, Any] = {}

    def __getattr__(self, service: str) -> Any:
        """Return the client of a service."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self._url,
                region_name=_REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106  # no secret
                config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
            )
        return self._clients[service]

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """Create a queue; return its URL and ARN."""
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def receive(self, url: str, seconds: float = 3.0, **options: Any) -> list[dict[str, Any]]:
        """Return the next messages of a queue, none at the timeout."""
        end = time.monotonic() + seconds
        options = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"]} | options
        while True:
            found = self.sqs.receive_message(QueueUrl=url, **options).get("Messages", [])
            if found or time.monotonic() > end:
                return list(found)
            time.sleep(0.05)

    def body(self, url: str) -> Any:
        """Return the next message's body as JSON; raises IndexError if none arrives."""
        return json.loads(self.receive(url)[0]["Body"])


def _fifo_in_order(emulator: Emulator) -> bool:
    url, _ = emulator.queue("order.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body in "abc":
        emulator.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    return [each["Body"] for each in emulator.receive(url)] == ["a", "b", "c"]


def _fifo_after_failure(emulator: Emulator) -> bool:
    url, _ = emulator.queue(
        "again.fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="1"
    )
    for body in "abc":
        emulator.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    first = emulator.receive(url)[0]
    emulator.sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    time.sleep(1.3)
    return [each["Body"] for each in emulator.receive(url)] == ["b", "c"]


def _fifo_group_blocked(emulator: Emulator) -> bool:
    url, _ = emulator.queue("block.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body in "ab":
        emulator.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    emulator.receive(url, MaxNumberOfMessages=1)
    return not emulator.receive(url, 0.3)


def _fifo_sequence(emulator: Emulator) -> bool:
    url, _ = emulator.queue("number.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    emulator.sqs.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="g")
    return "SequenceNumber" in emulator.receive(url)[0]["Attributes"]


def _fifo_deduplicates(emulator: Emulator) -> bool:
    url, _ = emulator.queue("once.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for _ in range(2):
        emulator.sqs.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="g")
    return len(emulator.receive(url)) == 1


def _visible_again(emulator: Emulator) -> bool:
    url, _ = emulator.queue("visible", VisibilityTimeout="1")
    emulator.sqs.send_message(QueueUrl=url, MessageBody="a")
    emulator.receive(url)
    again = emulator.receive(url)
    return bool(again) and bool(again[0]["Attributes"]["ApproximateReceiveCount"] == "2")


def _change_visibility(emulator: Emulator) -> bool:
    url, _ = emulator.queue("change", VisibilityTimeout="60")
    emulator.sqs.send_message(QueueUrl=url, MessageBody="a")
    handle = emulator.receive(url)[0]["ReceiptHandle"]
    emulator.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return bool(emulator.receive(url))


def _redrive(emulator: Emulator) -> bool:
    dead, arn = emulator.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url, _ = emulator.queue("source", VisibilityTimeout="1", RedrivePolicy=policy)
    emulator.sqs.send_message(QueueUrl=url, MessageBody="a")
    emulator.receive(url)
    time.sleep(1.2)
    return not emulator.receive(url, 0.3) and bool(emulator.receive(dead))


def _redrive_source(emulator: Emulator) -> bool:
    dead, arn = emulator.queue("dead2")
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url, _ = emulator.queue("source2", VisibilityTimeout="0", RedrivePolicy=policy)
    emulator.sqs.send_message(QueueUrl=url, MessageBody="a")
    emulator.receive(url)
    emulator.receive(url, 0.3)
    return "DeadLetterQueueSourceArn" in emulator.receive(dead)[0]["Attributes"]


def _attributes(emulator: Emulator) -> bool:
    url, _ = emulator.queue("attributes")
    value = {"StringValue": "x", "DataType": "String"}
    binary = {"BinaryValue": b"\0\xff", "DataType": "Binary"}
    emulator.sqs.send_message(
        QueueUrl=url, MessageBody="a", MessageAttributes={"k": value, "b": binary}
    )
    message = emulator.receive(url, MessageAttributeNames=["All"])[0]
    found = message["MessageAttributes"]
    return bool(found["k"]["StringValue"] == "x" and found["b"]["BinaryValue"] == b"\0\xff")


def _delay(emulator: Emulator) -> bool:
    url, _ = emulator.queue("delay")
    emulator.sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=1)
    return not emulator.receive(url, 0.3) and bool(emulator.receive(url))


def _queue_again(emulator: Emulator) -> bool:
    emulator.queue("twice", VisibilityTimeout="5")
    emulator.queue("twice", VisibilityTimeout="5")
    try:
        emulator.queue("twice", VisibilityTimeout="6")
    except ClientError:
        return True
    return False


def _table(emulator: Emulator, name: str) -> str:
    found = emulator.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return str(found["TableDescription"]["LatestStreamArn"])


def _stream_records(emulator: Emulator, arn: str) -> list[dict[str, Any]]:
    streams = emulator.dynamodbstreams
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return list(streams.get_records(ShardIterator=iterator)["Records"])


def _stream_kinds(emulator: Emulator) -> bool:
    arn = _table(emulator, "kinds")
    emulator.dynamodb.put_item(TableName="kinds", Item={"k": {"S": "a"}})
    emulator.dynamodb.put_item(TableName="kinds", Item={"k": {"S": "a"}, "v": {"N": "1"}})
    emulator.dynamodb.delete_item(TableName="kinds", Key={"k": {"S": "a"}})
    kinds = [each["eventName"] for each in _stream_records(emulator, arn)]
    return kinds == ["INSERT", "MODIFY", "REMOVE"]


def _stream_unchanged(emulator: Emulator) -> bool:
    arn = _table(emulator, "unchanged")
    for _ in range(2):
        emulator.dynamodb.put_item(TableName="unchanged", Item={"k": {"S": "a"}})
    return len(_stream_records(emulator, arn)) == 1


def _stream_update(emulator: Emulator) -> bool:
    arn = _table(emulator, "update")
    emulator.dynamodb.update_item(
        TableName="update",
        Key={"k": {"S": "a"}},
        UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": {"N": "1"}},
    )
    records = _stream_records(emulator, arn)
    return len(records) == 1 and "v" in records[0]["dynamodb"]["NewImage"]


def _stream_sequence(emulator: Emulator) -> bool:
    arn = _table(emulator, "sequence")
    for key in "abc":
        emulator.dynamodb.put_item(TableName="sequence", Item={"k": {"S": key}})
    numbers = [int(each["dynamodb"]["SequenceNumber"]) for each in _stream_records(emulator, arn)]
    return len(numbers) == len("abc") and numbers == sorted(set(numbers))


def _transaction(emulator: Emulator) -> bool:
    _table(emulator, "transaction")
    put = {"TableName": "transaction", "Item": {"k": {"S": "a"}}}
    condition = {"ConditionExpression": "attribute_not_exists(k)"}
    emulator.dynamodb.transact_write_items(TransactItems=[{"Put": put | condition}])
    try:
        emulator.dynamodb.put_item(**put, **condition)
    except emulator.dynamodb.exceptions.ConditionalCheckFailedException:
        return True
    return False


def _kinesis(emulator: Emulator) -> bool:
    emulator.kinesis.create_stream(StreamName="stream", ShardCount=1)
    emulator.kinesis.get_waiter("stream_exists").wait(StreamName="stream")
    for key in "ab":
        emulator.kinesis.put_record(StreamName="stream", PartitionKey=key, Data=key.encode())
    shard = emulator.kinesis.list_shards(StreamName="stream")["Shards"][0]["ShardId"]
    iterator = emulator.kinesis.get_shard_iterator(
        StreamName="stream", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = emulator.kinesis.get_records(ShardIterator=iterator)["Records"]
    numbers = [int(each["SequenceNumber"]) for each in records]
    data = [each["Data"] for each in records]
    return data == [b"a", b"b"] and numbers[0] < numbers[1]


def _kinesis_order(emulator: Emulator) -> bool:
    emulator.kinesis.create_stream(StreamName="later", ShardCount=1)
    emulator.kinesis.get_waiter("stream_exists").wait(StreamName="later")
    put = emulator.kinesis.put_record(StreamName="later", PartitionKey="a", Data=b"a")
    emulator.kinesis.put_record(StreamName="later", PartitionKey="b", Data=b"b")
    iterator = emulator.kinesis.get_shard_iterator(
        StreamName="later",
        ShardId=put["ShardId"],
        ShardIteratorType="AFTER_SEQUENCE_NUMBER",
        StartingSequenceNumber=put["SequenceNumber"],
    )["ShardIterator"]
    records = emulator.kinesis.get_records(ShardIterator=iterator)["Records"]
    return [each["Data"] for each in records] == [b"b"]


def _sns_to_sqs(emulator: Emulator) -> bool:
    url, arn = emulator.queue("topic-queue")
    topic = emulator.sns.create_topic(Name="topic")["TopicArn"]
    emulator.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    emulator.sns.publish(TopicArn=topic, Message="hello", Subject="s")
    body = emulator.body(url)
    return bool(body["Message"] == "hello" and body["Type"] == "Notification")


def _sns_raw(emulator: Emulator) -> bool:
    url, arn = emulator.queue("raw-queue")
    topic = emulator.sns.create_topic(Name="raw")["TopicArn"]
    emulator.sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    emulator.sns.publish(TopicArn=topic, Message="hello")
    return bool(emulator.receive(url)[0]["Body"] == "hello")


def _sns_filter(emulator: Emulator) -> bool:
    url, arn = emulator.queue("filter-queue")
    topic = emulator.sns.create_topic(Name="filter")["TopicArn"]
    policy = {"FilterPolicy": json.dumps({"kind": ["a"]})}
    emulator.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=policy)
    for kind in "ba":
        value = {"DataType": "String", "StringValue": kind}
        emulator.sns.publish(TopicArn=topic, Message=kind, MessageAttributes={"kind": value})
    return [json.loads(each["Body"])["Message"] for each in emulator.receive(url)] == ["a"]


def _sns_filter_body(emulator: Emulator) -> bool:
    url, arn = emulator.queue("body-queue")
    topic = emulator.sns.create_topic(Name="body")["TopicArn"]
    policy = json.dumps({"detail": {"n": [{"numeric": [">", 5]}]}})
    attributes = {"FilterPolicy": policy, "FilterPolicyScope": "MessageBody"}
    emulator.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    for number in (1, 9):
        emulator.sns.publish(TopicArn=topic, Message=json.dumps({"detail": {"n": number}}))
    found = [json.loads(json.loads(each["Body"])["Message"]) for each in emulator.receive(url)]
    return found == [{"detail": {"n": 9}}]


def _notify(emulator: Emulator, name: str) -> str:
    url, arn = emulator.queue(f"{name}-queue")
    emulator.s3.create_bucket(Bucket=name)
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".json"}]
    configuration = {
        "QueueArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    emulator.s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    emulator.receive(url, 0.5)  # the test event
    return url


def _s3_filter(emulator: Emulator) -> bool:
    url = _notify(emulator, "filtered")
    for key in ("out/a.json", "in/a.txt", "in/a.json"):
        emulator.s3.put_object(Bucket="filtered", Key=key, Body=b"{}")
    messages = [json.loads(each["Body"]) for each in emulator.receive(url)]
    return len(messages) == 1 and messages[0]["Records"][0]["eventName"] == "ObjectCreated:Put"


def _s3_key(emulator: Emulator) -> bool:
    url = _notify(emulator, "keyed")
    emulator.s3.put_object(Bucket="keyed", Key="in/a b+ü.json", Body=b"{}")
    key = emulator.body(url)["Records"][0]["s3"]["object"]["key"]
    return bool(key == "in/a+b%2B%C3%BC.json")


def _rule(emulator: Emulator, name: str, **options: Any) -> str:
    url, arn = emulator.queue(f"{name}-queue")
    pattern = json.dumps({"source": ["shop"], "detail": {"n": [{"numeric": [">", 5]}]}})
    state = options.pop("State", "ENABLED")
    emulator.events.put_rule(Name=name, EventPattern=pattern, State=state)
    emulator.events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn, **options}])
    for number in (1, 9):
        detail = json.dumps({"n": number})
        emulator.events.put_events(
            Entries=[{"Source": "shop", "DetailType": "Order", "Detail": detail}]
        )
    return url


def _bus_pattern(emulator: Emulator) -> bool:
    url = _rule(emulator, "pattern")
    bodies = [json.loads(each["Body"]) for each in emulator.receive(url)]
    return [each["detail"] for each in bodies] == [{"n": 9}] and "account" in bodies[0]


def _bus_input(emulator: Emulator) -> bool:
    return bool(emulator.body(_rule(emulator, "input", Input='{"a": 1}')) == {"a": 1})


def _bus_transformer(emulator: Emulator) -> bool:
    transformer = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"got": <n>}'}
    return bool(
        emulator.body(_rule(emulator, "transformer", InputTransformer=transformer)) == {"got": 9}
    )


def _bus_disabled(emulator: Emulator) -> bool:
    return not emulator.receive(_rule(emulator, "disabled", State="DISABLED"), 0.5)


def _parameter(emulator: Emulator) -> bool:
    emulator.ssm.put_parameter(Name="/a/b", Value="1", Type="String")
    found = emulator.ssm.get_parameters_by_path(Path="/a")["Parameters"]
    return bool(found[0]["Value"] == "1")


def _secret(emulator: Emulator) -> bool:
    arn = emulator.secretsmanager.create_secret(Name="secret", SecretString="x")["ARN"]
    return bool(emulator.secretsmanager.get_secret_value(SecretId=arn)["SecretString"] == "x")


_BEHAVIOURS: dict[str, Callable[[Emulator], bool]] = {
    "FIFO: order": _fifo_in_order,
    "FIFO: order after a failure": _fifo_after_failure,
    "FIFO: a group in flight is blocked": _fifo_group_blocked,
    "FIFO: SequenceNumber": _fifo_sequence,
    "FIFO: deduplication": _fifo_deduplicates,
    "SQS: visible again, receive count": _visible_again,
    "SQS: ChangeMessageVisibility": _change_visibility,
    "SQS: redrive": _redrive,
    "SQS: DeadLetterQueueSourceArn": _redrive_source,
    "SQS: message attributes, binary": _attributes,
    "SQS: delay": _delay,
    "SQS: CreateQueue again": _queue_again,
    "DynamoDB Streams: INSERT, MODIFY, REMOVE": _stream_kinds,
    "DynamoDB Streams: an unchanged put has no record": _stream_unchanged,
    "DynamoDB Streams: update_item of a new key": _stream_update,
    "DynamoDB Streams: sequence numbers": _stream_sequence,
    "DynamoDB: conditions, transactions": _transaction,
    "Kinesis: records, sequence numbers": _kinesis,
    "Kinesis: AFTER_SEQUENCE_NUMBER": _kinesis_order,
    "SNS to SQS": _sns_to_sqs,
    "SNS: raw delivery": _sns_raw,
    "SNS: filter on attributes": _sns_filter,
    "SNS: filter on the body": _sns_filter_body,
    "S3 to SQS: prefix and suffix": _s3_filter,
    "S3 to SQS: encoded key": _s3_key,
    "EventBridge: pattern, account": _bus_pattern,
    "EventBridge: Input": _bus_input,
    "EventBridge: InputTransformer": _bus_transformer,
    "EventBridge: disabled rule": _bus_disabled,
    "SSM: parameters by path": _parameter,
    "Secrets Manager: by ARN": _secret,
}


def _judge(behaviour: Callable[[Emulator], bool], emulator: Emulator) -> str:
    try:
        return "yes" if behaviour(emulator) else "no"
    except Exception as error:  # noqa: BLE001  # an emulator may fail in any way
        return f"no: {type(error).__name__}"


def _call_ms(emulator: Emulator) -> str:
    url, _ = emulator.queue("probe")
    times = []
    for _ in range(_PROBES):
        start = time.perf_counter()
        emulator.sqs.send_message(QueueUrl=url, MessageBody="a")
        times.append(time.perf_counter() - start)
    return f"{statistics.median(times) * 1000:.1f} ms"


def _receive_rate(emulator: Emulator) -> str:
    url, _ = emulator.queue("rate")
    for _ in range(_MESSAGES // 10):
        entries = [{"Id": str(number), "MessageBody": "a"} for number in range(10)]
        emulator.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    start, received = time.perf_counter(), 0
    while received < _MESSAGES and time.perf_counter() - start < _START_TIMEOUT_SECONDS:
        messages = emulator.receive(url)
        handles = [
            {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
            for number, each in enumerate(messages)
        ]
        if handles:
            emulator.sqs.delete_message_batch(QueueUrl=url, Entries=handles)
        received += len(messages)
    return f"{received / (time.perf_counter() - start):.0f}/s"


def _measure(command: list[str], port: int) -> dict[str, str]:
    variables = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "ERROR"}
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(  # the emulators of this benchmark
            command,
            env=os.environ | variables | credentials,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        try:
            while not is_listening(port):
                if time.perf_counter() - start > _START_TIMEOUT_SECONDS:
                    return {"start": "does not start"}
                time.sleep(0.01)
            emulator = Emulator(f"http://127.0.0.1:{port}")
            emulator.sqs.list_queues()
            figures = {"start and first call": f"{time.perf_counter() - start:.1f} s"}
            results = {name: _judge(each, emulator) for name, each in _BEHAVIOURS.items()}
            figures["send_message"] = _call_ms(emulator)
            figures["receive and delete, batches of 10"] = _receive_rate(emulator)
            memory = psutil.Process(process.pid).memory_info().rss / 2**20
            figures["memory at the end"] = f"{memory:.0f} MB"
            right = sum(result == "yes" for result in results.values())
            return {**results, "right": f"{right} of {len(results)}", **figures}
        finally:
            process.kill()


def main() -> int:
    """Print the table."""
    moto, ministack = (str(Path(each).absolute()) for each in sys.argv[1:3])
    results = {}
    for name in _commands(moto, ministack, 0):
        port = free_port()
        results[name] = _measure(_commands(moto, ministack, port)[name], port)
    names = {key: None for each in results.values() for key in each}
    rows = [(key, *(each.get(key, "-") for each in results.values())) for key in names]
    print(format_table(("behaviour or figure", *results), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
