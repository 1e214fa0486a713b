"""
Notifications of buckets, topics and rules, as asynchronous invocations.

The emulator sends each notification to an internal queue, one for each event source. A message
leaves that queue when its invocation has an outcome, so a notification outlives a killed service.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_plus

from lambda_live.background import BackgroundTasks
from lambda_live.events.poller import (
    IDLE_SECONDS,
    QUEUE_SERVICES,
    Message,
    PollerContext,
    Queue,
    reject_event,
    repeat,
)
from lambda_live.functions.request_queue import RejectedError, ServiceStoppingError, ThrottledError
from lambda_live.model.invocation import Invocation
from lambda_live.model.resources import INTERNAL_QUEUES, EventSource
from lambda_live.resources.aws import AwsClients

_VISIBILITY_SECONDS = 30
_HEARTBEAT_SECONDS = 10.0
_MAX_RUNNING = 200
_MAX_RECEIVED = 10
_THROTTLE_PAUSE_SECONDS = 1
_MAX_NAME_LENGTH = 60
_SNS_MEMBERS = (
    *("Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "SignatureVersion"),
    "Signature",
)


def is_function(target: str) -> bool:
    """Whether the target of an event source is a function of this service."""
    return not target.startswith("arn:")


class NotificationPoller:
    """Delivers the notifications of one event source to its function."""

    services = QUEUE_SERVICES

    def __init__(self, source: EventSource, context: PollerContext) -> None:
        self.source = source
        self.arn = ""
        self.subscription = ""
        self._context = context
        self._queue = Queue(context)
        self.signal = self._queue.signal
        self._running = BackgroundTasks(context.log)

    async def create_queue(self) -> None:
        """Create the internal queue."""
        source, account = self.source, self._context.aws.account
        key = f"{source.target} {source.kind} {source.source} {source.name}"
        suffix = hashlib.sha256(key.encode()).hexdigest()[:8]
        name = f"{INTERNAL_QUEUES}{source.target[:_MAX_NAME_LENGTH]}-{suffix}"
        attributes = {"VisibilityTimeout": str(_VISIBILITY_SECONDS)}
        found = await self._context.aws.call(
            "sqs", "create_queue", QueueName=name, Attributes=attributes
        )
        self._queue.url = found["QueueUrl"]
        self.arn = f"arn:aws:sqs:{account.region}:{account.account_id}:{name}"

    async def run(self) -> None:
        """Deliver notifications until the task is cancelled."""
        await repeat(self._label, self._deliver_next, self._context.log)

    @property
    def _label(self) -> str:
        return f"{self.source.place}: {self.source.kind} events for {self.source.target}"

    async def drain(self) -> None:
        """Return when the accepted notifications have an outcome."""
        await self._running.wait_for_fewer_than(1)

    async def _deliver_next(self) -> None:
        await self._running.wait_for_fewer_than(_MAX_RUNNING)
        for message in await self._queue.receive(_MAX_RECEIVED, IDLE_SECONDS):
            self._running.spawn(self._deliver(message))

    async def _deliver(self, message: Message) -> None:
        """Invoke the function, and delete the message when the invocation has an outcome."""
        try:
            invocation = self._read(message["Body"])
            if invocation is None or await self._run(invocation, message):
                await self._queue.delete([message])
        except ServiceStoppingError:
            await self._queue.set_visibility([message], 0)
        except ThrottledError:
            await self._queue.set_visibility([message], _THROTTLE_PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001  # the message becomes visible again
            self._context.log(f"{self._label}: {error}", "ERROR")

    def _read(self, body: str) -> Invocation | None:
        """
        Return the invocation for a message, or None if it needs none.

        Any program of this machine can send to the queue, so a message may be no notification.
        """
        try:
            if (event := self._event(body)) is None:
                return None
            label, source = self._describe(event)
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
            problem = f"{self._label}: deleted a message that is no notification"
            self._context.log(problem, "WARNING")
            return None
        return Invocation(event, qualifier=self.source.qualifier, label=label, source=source)

    async def _run(self, invocation: Invocation, message: Message) -> bool:
        """
        Run an event, and keep its message invisible; return whether it has an outcome.

        Raises:
            ThrottledError: The function accepts no event now.
            ServiceStoppingError: The service is stopping.
        """
        function = self._context.find_function(self.source.target)
        if function is None:
            raise ThrottledError
        try:
            outcome = function.enqueue_event(invocation)
        except RejectedError as error:
            await reject_event(self._context, self.source, message["Body"], error)
            return True
        while not (await asyncio.wait((outcome,), timeout=_HEARTBEAT_SECONDS))[0]:
            await self._queue.set_visibility([message], _VISIBILITY_SECONDS)
        return not outcome.cancelled()

    def _describe(self, event: bytes) -> tuple[str, dict[str, str]]:
        """Return an event's label and its source."""
        if self.source.kind == "S3":
            record = json.loads(event)["Records"][0]
            bucket, key = self.source.source, unquote_plus(record["s3"]["object"]["key"])
            source = {"bucket": bucket, "object": key, "event": record["eventName"]}
            return f"S3 {bucket}/{record['s3']['object']['key']}", source
        name = self.source.source.rpartition(":")[2].removeprefix("event-bus/")
        if self.source.kind == "EventBridge":
            rule = str(self.source.settings.get("RuleName") or self.source.name)
            return f"EventBridge {name} {rule}", {"bus": name, "rule": rule}
        return f"{self.source.kind} {name}", {"topic": name}

    def _event(self, body: str) -> bytes | None:
        """Return the function's event, or None for S3's test message."""
        if self.source.kind == "EventBridge":
            return body.encode()
        message = json.loads(body)
        if self.source.kind == "S3":
            if not message.get("Records"):
                return None
            for record in message["Records"]:
                record["eventVersion"] = "2.1"
                if record["eventName"].startswith("ObjectRemoved:"):
                    for name in ("size", "eTag"):
                        record["s3"]["object"].pop(name, None)
            return json.dumps(message).encode()
        return json.dumps({"Records": [_sns_record(message, self.subscription)]}).encode()


def _sns_record(message: dict[str, Any], subscription: str) -> dict[str, Any]:
    sns = {name: message.get(name) for name in _SNS_MEMBERS}
    sns["SigningCertUrl"] = message.get("SigningCertURL", "")
    sns["UnsubscribeUrl"] = message.get("UnsubscribeURL", "")
    sns["MessageAttributes"] = message.get("MessageAttributes") or {}
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "Sns": sns,
    }


async def subscribe(aws: AwsClients, source: EventSource, queue: str) -> str:
    """Subscribe a queue to a topic, with the event source's filter; return the subscription."""
    attributes = {}
    if (policy := source.settings.get("FilterPolicy")) is not None:
        attributes["FilterPolicy"] = policy if isinstance(policy, str) else json.dumps(policy)
        if scope := source.settings.get("FilterPolicyScope"):
            attributes["FilterPolicyScope"] = scope
    is_raw = str(source.settings.get("RawMessageDelivery", "")).lower() == "true"
    if is_raw and not is_function(source.target):
        attributes["RawMessageDelivery"] = "true"
    created = await aws.call(
        "sns",
        "subscribe",
        TopicArn=source.source,
        Protocol="sqs",
        Endpoint=queue,
        Attributes=attributes,
    )
    return str(created["SubscriptionArn"])


async def notify(aws: AwsClients, bucket: str, sources: Sequence[tuple[EventSource, str]]) -> None:
    """Set the notifications of a bucket: each event source with its queue or topic."""
    configuration: dict[str, Any] = {}
    for position, (source, arn) in enumerate(sources):
        is_topic = arn.split(":")[2] == "sns"
        entry: dict[str, Any] = {
            "Id": f"{source.name}-{position}",
            "TopicArn" if is_topic else "QueueArn": arn,
            "Events": source.settings["Events"],
        }
        if rules := source.settings.get("Rules"):
            entry["Filter"] = {"Key": {"FilterRules": rules}}
        section = "TopicConfigurations" if is_topic else "QueueConfigurations"
        configuration.setdefault(section, []).append(entry)
    await aws.call(
        "s3",
        "put_bucket_notification_configuration",
        Bucket=bucket,
        NotificationConfiguration=configuration,
    )


async def put_rule(aws: AwsClients, source: EventSource, arn: str) -> None:
    """Create a rule with one target, and the transformation of its events."""
    settings, target = source.settings, source.settings.get("Target") or {}
    pattern = settings.get("EventPattern")
    name = str(settings.get("RuleName") or source.name)
    bus = source.source.rpartition("event-bus/")[2]
    await aws.call(
        "events",
        "put_rule",
        Name=name,
        EventBusName=bus,
        EventPattern=pattern if isinstance(pattern, str) else json.dumps(pattern),
        State=settings.get("State") or "ENABLED",
    )
    entry: dict[str, Any] = {"Id": str(target.get("Id") or source.name)[:64], "Arn": arn}
    for key in ("Input", "InputPath", "InputTransformer"):
        if (value := target.get(key)) is not None:
            entry[key] = value
    await aws.call("events", "put_targets", Rule=name, EventBusName=bus, Targets=[entry])
