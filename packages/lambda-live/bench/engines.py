"""
Compare moto and MiniStack as the engine of local resources.

`python -m bench.engines MOTO MINISTACK` takes a Python with each of them, and prints which of the
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


class Engine:
    """A running engine, and its clients."""

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


def _fifo_in_order(engine: Engine) -> bool:
    url, _ = engine.queue("order.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body in "abc":
        engine.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    return [each["Body"] for each in engine.receive(url)] == ["a", "b", "c"]


def _fifo_after_failure(engine: Engine) -> bool:
    url, _ = engine.queue(
        "again.fifo", FifoQueue="true", ContentBasedDeduplication="true", VisibilityTimeout="1"
    )
    for body in "abc":
        engine.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    first = engine.receive(url)[0]
    engine.sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    time.sleep(1.3)
    return [each["Body"] for each in engine.receive(url)] == ["b", "c"]


def _fifo_group_blocked(engine: Engine) -> bool:
    url, _ = engine.queue("block.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for body in "ab":
        engine.sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    engine.receive(url, MaxNumberOfMessages=1)
    return not engine.receive(url, 0.3)


def _fifo_sequence(engine: Engine) -> bool:
    url, _ = engine.queue("number.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    engine.sqs.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="g")
    return "SequenceNumber" in engine.receive(url)[0]["Attributes"]


def _fifo_deduplicates(engine: Engine) -> bool:
    url, _ = engine.queue("once.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for _ in range(2):
        engine.sqs.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="g")
    return len(engine.receive(url)) == 1


def _visible_again(engine: Engine) -> bool:
    url, _ = engine.queue("visible", VisibilityTimeout="1")
    engine.sqs.send_message(QueueUrl=url, MessageBody="a")
    engine.receive(url)
    again = engine.receive(url)
    return bool(again) and bool(again[0]["Attributes"]["ApproximateReceiveCount"] == "2")


def _change_visibility(engine: Engine) -> bool:
    url, _ = engine.queue("change", VisibilityTimeout="60")
    engine.sqs.send_message(QueueUrl=url, MessageBody="a")
    handle = engine.receive(url)[0]["ReceiptHandle"]
    engine.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    return bool(engine.receive(url))


def _redrive(engine: Engine) -> bool:
    dead, arn = engine.queue("dead")
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url, _ = engine.queue("source", VisibilityTimeout="1", RedrivePolicy=policy)
    engine.sqs.send_message(QueueUrl=url, MessageBody="a")
    engine.receive(url)
    time.sleep(1.2)
    return not engine.receive(url, 0.3) and bool(engine.receive(dead))


def _redrive_source(engine: Engine) -> bool:
    dead, arn = engine.queue("dead2")
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url, _ = engine.queue("source2", VisibilityTimeout="0", RedrivePolicy=policy)
    engine.sqs.send_message(QueueUrl=url, MessageBody="a")
    engine.receive(url)
    engine.receive(url, 0.3)
    return "DeadLetterQueueSourceArn" in engine.receive(dead)[0]["Attributes"]


def _attributes(engine: Engine) -> bool:
    url, _ = engine.queue("attributes")
    value = {"StringValue": "x", "DataType": "String"}
    binary = {"BinaryValue": b"\0\xff", "DataType": "Binary"}
    engine.sqs.send_message(
        QueueUrl=url, MessageBody="a", MessageAttributes={"k": value, "b": binary}
    )
    message = engine.receive(url, MessageAttributeNames=["All"])[0]
    found = message["MessageAttributes"]
    return bool(found["k"]["StringValue"] == "x" and found["b"]["BinaryValue"] == b"\0\xff")


def _delay(engine: Engine) -> bool:
    url, _ = engine.queue("delay")
    engine.sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=1)
    return not engine.receive(url, 0.3) and bool(engine.receive(url))


def _queue_again(engine: Engine) -> bool:
    engine.queue("twice", VisibilityTimeout="5")
    engine.queue("twice", VisibilityTimeout="5")
    try:
        engine.queue("twice", VisibilityTimeout="6")
    except ClientError:
        return True
    return False


def _table(engine: Engine, name: str) -> str:
    found = engine.dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return str(found["TableDescription"]["LatestStreamArn"])


def _stream_records(engine: Engine, arn: str) -> list[dict[str, Any]]:
    streams = engine.dynamodbstreams
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return list(streams.get_records(ShardIterator=iterator)["Records"])


def _stream_kinds(engine: Engine) -> bool:
    arn = _table(engine, "kinds")
    engine.dynamodb.put_item(TableName="kinds", Item={"k": {"S": "a"}})
    engine.dynamodb.put_item(TableName="kinds", Item={"k": {"S": "a"}, "v": {"N": "1"}})
    engine.dynamodb.delete_item(TableName="kinds", Key={"k": {"S": "a"}})
    kinds = [each["eventName"] for each in _stream_records(engine, arn)]
    return kinds == ["INSERT", "MODIFY", "REMOVE"]


def _stream_unchanged(engine: Engine) -> bool:
    arn = _table(engine, "unchanged")
    for _ in range(2):
        engine.dynamodb.put_item(TableName="unchanged", Item={"k": {"S": "a"}})
    return len(_stream_records(engine, arn)) == 1


def _stream_update(engine: Engine) -> bool:
    arn = _table(engine, "update")
    engine.dynamodb.update_item(
        TableName="update",
        Key={"k": {"S": "a"}},
        UpdateExpression="SET v = :v",
        ExpressionAttributeValues={":v": {"N": "1"}},
    )
    records = _stream_records(engine, arn)
    return len(records) == 1 and "v" in records[0]["dynamodb"]["NewImage"]


def _stream_sequence(engine: Engine) -> bool:
    arn = _table(engine, "sequence")
    for key in "abc":
        engine.dynamodb.put_item(TableName="sequence", Item={"k": {"S": key}})
    numbers = [int(each["dynamodb"]["SequenceNumber"]) for each in _stream_records(engine, arn)]
    return len(numbers) == len("abc") and numbers == sorted(set(numbers))


def _transaction(engine: Engine) -> bool:
    _table(engine, "transaction")
    put = {"TableName": "transaction", "Item": {"k": {"S": "a"}}}
    condition = {"ConditionExpression": "attribute_not_exists(k)"}
    engine.dynamodb.transact_write_items(TransactItems=[{"Put": put | condition}])
    try:
        engine.dynamodb.put_item(**put, **condition)
    except engine.dynamodb.exceptions.ConditionalCheckFailedException:
        return True
    return False


def _kinesis(engine: Engine) -> bool:
    engine.kinesis.create_stream(StreamName="stream", ShardCount=1)
    engine.kinesis.get_waiter("stream_exists").wait(StreamName="stream")
    for key in "ab":
        engine.kinesis.put_record(StreamName="stream", PartitionKey=key, Data=key.encode())
    shard = engine.kinesis.list_shards(StreamName="stream")["Shards"][0]["ShardId"]
    iterator = engine.kinesis.get_shard_iterator(
        StreamName="stream", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = engine.kinesis.get_records(ShardIterator=iterator)["Records"]
    numbers = [int(each["SequenceNumber"]) for each in records]
    data = [each["Data"] for each in records]
    return data == [b"a", b"b"] and numbers[0] < numbers[1]


def _kinesis_order(engine: Engine) -> bool:
    engine.kinesis.create_stream(StreamName="later", ShardCount=1)
    engine.kinesis.get_waiter("stream_exists").wait(StreamName="later")
    put = engine.kinesis.put_record(StreamName="later", PartitionKey="a", Data=b"a")
    engine.kinesis.put_record(StreamName="later", PartitionKey="b", Data=b"b")
    iterator = engine.kinesis.get_shard_iterator(
        StreamName="later",
        ShardId=put["ShardId"],
        ShardIteratorType="AFTER_SEQUENCE_NUMBER",
        StartingSequenceNumber=put["SequenceNumber"],
    )["ShardIterator"]
    records = engine.kinesis.get_records(ShardIterator=iterator)["Records"]
    return [each["Data"] for each in records] == [b"b"]


def _sns_to_sqs(engine: Engine) -> bool:
    url, arn = engine.queue("topic-queue")
    topic = engine.sns.create_topic(Name="topic")["TopicArn"]
    engine.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    engine.sns.publish(TopicArn=topic, Message="hello", Subject="s")
    body = engine.body(url)
    return bool(body["Message"] == "hello" and body["Type"] == "Notification")


def _sns_raw(engine: Engine) -> bool:
    url, arn = engine.queue("raw-queue")
    topic = engine.sns.create_topic(Name="raw")["TopicArn"]
    engine.sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    engine.sns.publish(TopicArn=topic, Message="hello")
    return bool(engine.receive(url)[0]["Body"] == "hello")


def _sns_filter(engine: Engine) -> bool:
    url, arn = engine.queue("filter-queue")
    topic = engine.sns.create_topic(Name="filter")["TopicArn"]
    policy = {"FilterPolicy": json.dumps({"kind": ["a"]})}
    engine.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=policy)
    for kind in "ba":
        value = {"DataType": "String", "StringValue": kind}
        engine.sns.publish(TopicArn=topic, Message=kind, MessageAttributes={"kind": value})
    return [json.loads(each["Body"])["Message"] for each in engine.receive(url)] == ["a"]


def _sns_filter_body(engine: Engine) -> bool:
    url, arn = engine.queue("body-queue")
    topic = engine.sns.create_topic(Name="body")["TopicArn"]
    policy = json.dumps({"detail": {"n": [{"numeric": [">", 5]}]}})
    attributes = {"FilterPolicy": policy, "FilterPolicyScope": "MessageBody"}
    engine.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    for number in (1, 9):
        engine.sns.publish(TopicArn=topic, Message=json.dumps({"detail": {"n": number}}))
    found = [json.loads(json.loads(each["Body"])["Message"]) for each in engine.receive(url)]
    return found == [{"detail": {"n": 9}}]


def _notify(engine: Engine, name: str) -> str:
    url, arn = engine.queue(f"{name}-queue")
    engine.s3.create_bucket(Bucket=name)
    rules = [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".json"}]
    configuration = {
        "QueueArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    engine.s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    engine.receive(url, 0.5)  # the test event
    return url


def _s3_filter(engine: Engine) -> bool:
    url = _notify(engine, "filtered")
    for key in ("out/a.json", "in/a.txt", "in/a.json"):
        engine.s3.put_object(Bucket="filtered", Key=key, Body=b"{}")
    messages = [json.loads(each["Body"]) for each in engine.receive(url)]
    return len(messages) == 1 and messages[0]["Records"][0]["eventName"] == "ObjectCreated:Put"


def _s3_key(engine: Engine) -> bool:
    url = _notify(engine, "keyed")
    engine.s3.put_object(Bucket="keyed", Key="in/a b+ü.json", Body=b"{}")
    key = engine.body(url)["Records"][0]["s3"]["object"]["key"]
    return bool(key == "in/a+b%2B%C3%BC.json")


def _rule(engine: Engine, name: str, **options: Any) -> str:
    url, arn = engine.queue(f"{name}-queue")
    pattern = json.dumps({"source": ["shop"], "detail": {"n": [{"numeric": [">", 5]}]}})
    state = options.pop("State", "ENABLED")
    engine.events.put_rule(Name=name, EventPattern=pattern, State=state)
    engine.events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn, **options}])
    for number in (1, 9):
        detail = json.dumps({"n": number})
        engine.events.put_events(
            Entries=[{"Source": "shop", "DetailType": "Order", "Detail": detail}]
        )
    return url


def _bus_pattern(engine: Engine) -> bool:
    url = _rule(engine, "pattern")
    bodies = [json.loads(each["Body"]) for each in engine.receive(url)]
    return [each["detail"] for each in bodies] == [{"n": 9}] and "account" in bodies[0]


def _bus_input(engine: Engine) -> bool:
    return bool(engine.body(_rule(engine, "input", Input='{"a": 1}')) == {"a": 1})


def _bus_transformer(engine: Engine) -> bool:
    transformer = {"InputPathsMap": {"n": "$.detail.n"}, "InputTemplate": '{"got": <n>}'}
    return bool(
        engine.body(_rule(engine, "transformer", InputTransformer=transformer)) == {"got": 9}
    )


def _bus_disabled(engine: Engine) -> bool:
    return not engine.receive(_rule(engine, "disabled", State="DISABLED"), 0.5)


def _parameter(engine: Engine) -> bool:
    engine.ssm.put_parameter(Name="/a/b", Value="1", Type="String")
    found = engine.ssm.get_parameters_by_path(Path="/a")["Parameters"]
    return bool(found[0]["Value"] == "1")


def _secret(engine: Engine) -> bool:
    arn = engine.secretsmanager.create_secret(Name="secret", SecretString="x")["ARN"]
    return bool(engine.secretsmanager.get_secret_value(SecretId=arn)["SecretString"] == "x")


_BEHAVIOURS: dict[str, Callable[[Engine], bool]] = {
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


def _judge(behaviour: Callable[[Engine], bool], engine: Engine) -> str:
    try:
        return "yes" if behaviour(engine) else "no"
    except Exception as error:  # noqa: BLE001  # an engine may fail in any way
        return f"no: {type(error).__name__}"


def _call_ms(engine: Engine) -> str:
    url, _ = engine.queue("probe")
    times = []
    for _ in range(_PROBES):
        start = time.perf_counter()
        engine.sqs.send_message(QueueUrl=url, MessageBody="a")
        times.append(time.perf_counter() - start)
    return f"{statistics.median(times) * 1000:.1f} ms"


def _receive_rate(engine: Engine) -> str:
    url, _ = engine.queue("rate")
    for _ in range(_MESSAGES // 10):
        entries = [{"Id": str(number), "MessageBody": "a"} for number in range(10)]
        engine.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    start, received = time.perf_counter(), 0
    while received < _MESSAGES and time.perf_counter() - start < _START_TIMEOUT_SECONDS:
        messages = engine.receive(url)
        handles = [
            {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
            for number, each in enumerate(messages)
        ]
        if handles:
            engine.sqs.delete_message_batch(QueueUrl=url, Entries=handles)
        received += len(messages)
    return f"{received / (time.perf_counter() - start):.0f}/s"


def _measure(command: list[str], port: int) -> dict[str, str]:
    variables = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "ERROR"}
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    start = time.perf_counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(  # the engines of this benchmark
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
            engine = Engine(f"http://127.0.0.1:{port}")
            engine.sqs.list_queues()
            figures = {"start and first call": f"{time.perf_counter() - start:.1f} s"}
            results = {name: _judge(each, engine) for name, each in _BEHAVIOURS.items()}
            figures["send_message"] = _call_ms(engine)
            figures["receive and delete, batches of 10"] = _receive_rate(engine)
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
