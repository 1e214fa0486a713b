"""
The template's AWS resources as the page shows them: what they contain, and how to add to it.

All of it is read from the emulator by AWS's API while the page's *Resources* is open.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from lambda_live.model.resources import INTERNAL_QUEUES
from lambda_live.model.strict_json import loads
from lambda_live.ui.rows import truncate
from lambda_live.ui.runner import ApiError

if TYPE_CHECKING:
    from lambda_live.events.event_sources import EventSources
    from lambda_live.resources.aws import AwsClients

_MAX_RESOURCES = 50
"""Resources of one kind that are shown."""

_MAX_CONTENTS = 20
_MAX_MESSAGES = 10

type _Resource = dict[str, Any]


class ResourcesView:
    """Reads the resources of an emulator, and adds messages, items and objects to them."""

    def __init__(self, aws: "EventSources") -> None:
        self._aws = aws

    async def overview(self) -> dict[str, Any]:
        """Return all resources. Raises ApiError."""
        resources = await self._run(self._list) if self._aws.url else []
        return {"url": self._aws.url, "resources": [*resources, *self._schedules()]}

    async def contents(self, kind: str, name: str) -> dict[str, Any]:
        """Return the first messages, items or objects of a resource. Raises ApiError."""
        if kind not in _CONTENTS:
            raise ApiError(404, f"A {kind} has no contents to show.")
        found = await self._run(lambda aws: _CONTENTS[kind](aws, name))
        return {"contents": found}

    async def add(self, kind: str, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send, put, upload or publish to a resource; fire a schedule. Raises ApiError."""
        if kind == "schedule":
            await self._fire(name)
            return {"done": "Fired"}
        if kind not in _ADD:
            raise ApiError(404, f"Nothing can be added to a {kind}.")
        return {"done": await self._run(lambda aws: _ADD[kind](aws, name, body))}

    async def download(self, bucket: str, key: str) -> bytes:
        """Return an object. Raises ApiError."""

        def read(aws: "AwsClients") -> bytes:
            return bytes(aws.call_now("s3", "get_object", Bucket=bucket, Key=key)["Body"].read())

        return bytes(await self._run(read))

    async def _run(self, function: "Callable[[AwsClients], Any]") -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # few projects need it

        aws = self._aws.clients
        try:
            return await aws.run(lambda: function(aws))
        except ClientError as error:
            details = error.response["Error"]
            raise ApiError(409, f"{details.get('Message') or details['Code']}") from error
        except (BotoCoreError, ValueError, TypeError, KeyError) as error:
            raise ApiError(409, str(error)) from error

    def _list(self, aws: "AwsClients") -> list[_Resource]:
        """Return the resources that the emulator has; blocks."""
        readers = self._readers()
        return [
            {**found, "functions": readers.get((found["kind"], found["name"]), [])}
            for list_kind in _LISTERS
            for found in islice(list_kind(aws), _MAX_RESOURCES)
        ]

    def _readers(self) -> dict[tuple[str, str], list[str]]:
        """Return the functions that get events from each resource."""
        kinds = {"SQS": "queue", "DynamoDB": "table", "Kinesis": "stream"}
        mappings = list(self._aws.mappings.values())
        found = [(kinds[each.kind], each.source_name, each.function) for each in mappings]
        pushed = {"S3": "bucket", "SNS": "topic", "EventBridge": "bus"}
        for source in self._aws.sources:
            if source.kind in pushed:
                name = source.source.rpartition(":")[2].removeprefix("event-bus/")
                found.append((pushed[source.kind], name, source.target.rpartition(":")[2]))
        readers: dict[tuple[str, str], list[str]] = {}
        for kind, name, function in found:
            readers.setdefault((kind, name), []).append(function)
        return readers

    def _schedules(self) -> Iterator[_Resource]:
        now = datetime.now(UTC)
        for name, schedule in self._aws.schedules.items():
            time = schedule.next_time(now) if schedule.is_enabled else None
            following = time.astimezone().strftime("%Y-%m-%d %H:%M") if time else "disabled"
            facts = [("Expression", schedule.source.source), ("Next", following)]
            yield _resource("schedule", name, facts, functions=[schedule.source.target])

    async def _fire(self, name: str) -> None:
        schedule = self._aws.schedules.get(name)
        if schedule is None:
            raise ApiError(404, f"Schedule {name!r} not found.")
        try:
            await schedule.fire()
        except Exception as error:
            raise ApiError(409, str(error)) from error


def _resource(kind: str, name: str, facts: list[tuple[str, str]], **more: Any) -> _Resource:
    return {"kind": kind, "name": name, "facts": facts, **more}


def _queues(aws: "AwsClients") -> Iterator[_Resource]:
    urls = aws.call_now("sqs", "list_queues", MaxResults=1000).get("QueueUrls", [])
    names = [url.rpartition("/")[2] for url in urls]
    for name, url in zip(names, urls, strict=True):
        if name.startswith(INTERNAL_QUEUES):
            continue
        found = aws.call_now("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
        attributes = found["Attributes"]
        facts = [
            ("Messages", attributes["ApproximateNumberOfMessages"]),
            ("In flight", attributes["ApproximateNumberOfMessagesNotVisible"]),
        ]
        if (delayed := attributes.get("ApproximateNumberOfMessagesDelayed", "0")) != "0":
            facts.append(("Delayed", delayed))
        redrive = json.loads(attributes.get("RedrivePolicy") or "{}")
        dead = str(redrive.get("deadLetterTargetArn", "")).rpartition(":")[2]
        if dead:
            receives = int(redrive["maxReceiveCount"])
            text = f"{dead} after {receives} receive{'s'[: receives != 1]}"
            facts.append(("Dead-letter queue", text))
        yield _resource("queue", name, facts, deadLetter=dead, isFifo=name.endswith(".fifo"))


def _tables(aws: "AwsClients") -> Iterator[_Resource]:
    for name in aws.call_now("dynamodb", "list_tables")["TableNames"]:
        table = aws.call_now("dynamodb", "describe_table", TableName=name)["Table"]
        types = {
            each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]
        }
        keys = [each["AttributeName"] for each in table["KeySchema"]]
        facts = [("Items", str(table.get("ItemCount", 0))), ("Key", ", ".join(keys))]
        sample = {key: 1 if types[key] == "N" else "value" for key in keys}
        yield _resource("table", name, facts, sample=json.dumps(sample, indent=2))


def _buckets(aws: "AwsClients") -> Iterator[_Resource]:
    for bucket in aws.call_now("s3", "list_buckets")["Buckets"]:
        found = aws.call_now("s3", "list_objects_v2", Bucket=bucket["Name"])
        more = "+" if found.get("IsTruncated") else ""
        objects = f"{found.get('KeyCount', 0)}{more}"
        yield _resource("bucket", bucket["Name"], [("Objects", objects)])


def _topics(aws: "AwsClients") -> Iterator[_Resource]:
    for topic in aws.call_now("sns", "list_topics")["Topics"]:
        arn = topic["TopicArn"]
        found = aws.call_now("sns", "list_subscriptions_by_topic", TopicArn=arn)
        facts = [("Subscriptions", str(len(found["Subscriptions"])))]
        yield _resource("topic", arn.rpartition(":")[2], facts)


def _buses(aws: "AwsClients") -> Iterator[_Resource]:
    for bus in aws.call_now("events", "list_event_buses")["EventBuses"]:
        rules = aws.call_now("events", "list_rules", EventBusName=bus["Name"])["Rules"]
        if rules or bus["Name"] != "default":
            names = ", ".join(each["Name"] for each in rules) or "none"
            sample = {"source": "example", "detail-type": "Example", "detail": {"key": "value"}}
            facts, text = [("Rules", names)], json.dumps(sample, indent=2)
            yield _resource("bus", bus["Name"], facts, sample=text)


def _streams(aws: "AwsClients") -> Iterator[_Resource]:
    for name in aws.call_now("kinesis", "list_streams")["StreamNames"][:_MAX_RESOURCES]:
        found = aws.call_now("kinesis", "describe_stream_summary", StreamName=name)
        shards = found["StreamDescriptionSummary"]["OpenShardCount"]
        yield _resource("stream", name, [("Shards", str(shards))])


_LISTERS = (_queues, _tables, _buckets, _topics, _buses, _streams)


def _messages(aws: "AwsClients", name: str) -> list[dict[str, Any]]:
    """Return the first messages of a queue. It increases their receive counts."""
    found = aws.call_now(
        "sqs",
        "receive_message",
        QueueUrl=aws.queue_url_now(name),
        MaxNumberOfMessages=_MAX_MESSAGES,
        VisibilityTimeout=0,
        AttributeNames=["All"],
    )
    return [
        {"title": f"Message {each['MessageId']}", **truncate(each["Body"].encode()).to_json()}
        for each in found.get("Messages", [])
    ]


def _items(aws: "AwsClients", name: str) -> list[dict[str, Any]]:
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415  # as above

    read = TypeDeserializer().deserialize
    found = aws.call_now("dynamodb", "scan", TableName=name, Limit=_MAX_CONTENTS)["Items"]
    items = ({key: read(value) for key, value in item.items()} for item in found)
    texts = (json.dumps(item, default=_plain, indent=2) for item in items)
    return [{"title": "", **truncate(text.encode()).to_json()} for text in texts]


def _plain(value: Any) -> Any:
    """Convert a value of DynamoDB that is not a value of JSON."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, set):
        return sorted(value, key=str)
    return base64.b64encode(bytes(value)).decode()


def _objects(aws: "AwsClients", name: str) -> list[dict[str, Any]]:
    found = aws.call_now("s3", "list_objects_v2", Bucket=name, MaxKeys=_MAX_CONTENTS)
    return [{"key": each["Key"], "size": each["Size"]} for each in found.get("Contents", [])]


_CONTENTS: Mapping[str, "Callable[[AwsClients, str], list[dict[str, Any]]]"] = {
    "queue": _messages,
    "table": _items,
    "bucket": _objects,
}


def _text(body: Mapping[str, Any]) -> str:
    text = body.get("text")
    if not isinstance(text, str) or not text:
        message = "Write a text to send."
        raise ValueError(message)
    return text


def _send(aws: "AwsClients", name: str, body: Mapping[str, Any]) -> str:
    group = str(body.get("group") or "default")
    return f"Sent message {aws.send_message(name, _text(body), group)}"


def _put(aws: "AwsClients", name: str, body: Mapping[str, Any]) -> str:
    from lambda_live.resources.seeding import put_items  # noqa: PLC0415  # as above

    items = loads(_text(body), parse_float=Decimal)
    count = len(put_items(aws, name, items, "the item"))
    return f"Put {count} item{'s'[: count != 1]}"


def _upload(aws: "AwsClients", name: str, body: Mapping[str, Any]) -> str:
    key, content = str(body.get("key") or ""), str(body.get("content") or "")
    if not key:
        message = "Write the key of the object."
        raise ValueError(message)
    aws.call_now("s3", "put_object", Bucket=name, Key=key, Body=base64.b64decode(content))
    return f"Uploaded {key}"


def _publish(aws: "AwsClients", name: str, body: Mapping[str, Any]) -> str:
    account = aws.account
    arn = f"arn:{account.partition}:sns:{account.region}:{account.account_id}:{name}"
    sent = aws.call_now("sns", "publish", TopicArn=arn, Message=_text(body))
    return f"Published message {sent['MessageId']}"


def _put_event(aws: "AwsClients", name: str, body: Mapping[str, Any]) -> str:
    event = loads(_text(body))
    if not isinstance(event, dict) or not {"source", "detail-type", "detail"} <= event.keys():
        message = "An event needs source, detail-type and detail."
        raise ValueError(message)
    entry = {
        "EventBusName": name,
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
    }
    sent = aws.call_now("events", "put_events", Entries=[entry])["Entries"][0]
    if "ErrorCode" in sent:
        raise ValueError(sent.get("ErrorMessage") or sent["ErrorCode"])
    return f"Put event {sent['EventId']}"


def _put_record(aws: "AwsClients", name: str, body: Mapping[str, Any]) -> str:
    group, data = str(body.get("group") or "default"), _text(body).encode()
    sent = aws.call_now("kinesis", "put_record", StreamName=name, PartitionKey=group, Data=data)
    return f"Put record {sent['SequenceNumber']}"


_ADD: Mapping[str, "Callable[[AwsClients, str, Mapping[str, Any]], str]"] = {
    "queue": _send,
    "table": _put,
    "bucket": _upload,
    "topic": _publish,
    "bus": _put_event,
    "stream": _put_record,
}
