"""
Deliver a queue's messages to a function, with AWS's rules for batches and failures.

Source: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import asyncio
import base64
import json
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from lambda_live.events.mapping import EventSourceMapping, failed_items
from lambda_live.events.poller import (
    IDLE_SECONDS,
    MAX_PAYLOAD_BYTES,
    Filters,
    PollerContext,
    Signal,
    as_json,
    count,
    invoke,
    json_or_text,
    repeat,
    report_failure,
    split,
)
from lambda_live.functions.request_queue import ServiceStoppingError
from lambda_live.model.function import DEFAULT_CONCURRENCY
from lambda_live.model.invocation import Invocation, new_request_id

_MAX_RECEIVED = 10
_LONG_POLL_SECONDS = 20
_VISIBLE_MARGIN_SECONDS = 0.05

type Message = dict[str, Any]


class QueuePoller:
    """Delivers the messages of one mapping."""

    def __init__(self, mapping: EventSourceMapping, context: PollerContext) -> None:
        self.signal = Signal()
        self._mapping = mapping
        self._context = context
        self._filters = Filters(context.aws, mapping.settings.filters)
        self._running: set[asyncio.Task[None]] = set()
        self._url = ""
        self._visibility_timeout = 30.0
        self._redrive: dict[str, Any] = {}

    async def run(self) -> None:
        """Deliver messages until the task is cancelled; batches that run finish."""
        await repeat(self._mapping.label, self._deliver_next, self._context.log)

    async def drain(self) -> None:
        """Return when the running batches have finished."""
        if self._running:
            await asyncio.wait(self._running)

    def _limit(self) -> int:
        function = self._context.find_function(self._mapping.function)
        limit = function.desired_configuration.concurrency if function else DEFAULT_CONCURRENCY
        return max(1, min(limit, self._mapping.settings.maximum_concurrency or limit))

    async def _deliver_next(self) -> None:
        if not self._url:
            self._url = await self._context.aws.queue_url(self._mapping.source)
            await self._read_attributes()
        await self._wait_for_capacity()
        received_at = time.monotonic()
        for batch in split(await self._collect(), self._size, self._mapping.settings.batch_size):
            await self._wait_for_capacity()
            task = asyncio.create_task(self._deliver(batch, received_at))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _wait_for_capacity(self) -> None:
        while len(self._running) >= self._limit():
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _collect(self) -> list[Message]:
        """Return the next messages: up to the batch size, the window or the largest payload."""
        settings = self._mapping.settings
        more = await self._receive(settings.batch_size, IDLE_SECONDS)
        deadline = time.monotonic() + settings.window
        messages: dict[str, Message] = {}
        size = 0
        while more or messages:
            size += sum(self._size(each) for each in more if each["MessageId"] not in messages)
            # A message that became visible again in a long window has a new receipt handle.
            messages |= {each["MessageId"]: each for each in more}
            left = deadline - time.monotonic()
            if len(messages) >= settings.batch_size or left <= 0 or size >= MAX_PAYLOAD_BYTES:
                break
            more = await self._receive(settings.batch_size - len(messages), left)
        return list(messages.values())

    async def _receive(self, count: int, seconds: float) -> list[Message]:
        """Return messages; if there are none, wait for a change or some seconds."""
        self.signal.clear()
        poll = 0 if self._context.has_signals else min(_LONG_POLL_SECONDS, int(seconds) or 1)
        found = await self._context.aws.call(
            "sqs",
            "receive_message",
            QueueUrl=self._url,
            MaxNumberOfMessages=min(count, _MAX_RECEIVED),
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=poll,
        )
        messages: list[Message] = found.get("Messages", [])
        if not messages and self._context.has_signals:
            await self.signal.wait(seconds)
        return messages

    def _size(self, message: Message) -> int:
        """Return the bytes of a message in the payload."""
        return len(as_json(self._record(message)))

    async def _deliver(self, batch: list[Message], received_at: float) -> None:
        try:
            batch = await self._discard_filtered(batch)
            if batch:
                await self._invoke(batch, received_at)
        except ServiceStoppingError:
            await self._make_visible(batch)
        except Exception as error:  # noqa: BLE001  # the messages become visible again
            self._context.log(f"queue {self._mapping.source_name}: {error}", "ERROR")

    async def _discard_filtered(self, batch: list[Message]) -> list[Message]:
        """Delete messages that no filter matches, as AWS does; return the others."""
        items = [{**self._record(each), "body": json_or_text(each["Body"])} for each in batch]
        matches = await self._filters.select(items)
        rejected = [each for each, matched in zip(batch, matches, strict=True) if not matched]
        await self._delete(rejected)
        return [each for each, matched in zip(batch, matches, strict=True) if matched]

    async def _invoke(self, batch: list[Message], received_at: float) -> None:
        name = self._mapping.source_name
        timeout = self._visibility_timeout
        payload = as_json({"Records": [self._record(each) for each in batch]})
        function, request_id = self._mapping.function, new_request_id()
        create = partial(
            Invocation,
            payload,
            request_id=request_id,
            label=f"SQS {name} ({len(batch)})",
            source={"queue": name, "batch": count(len(batch), "message")},
            keys=tuple(each["MessageId"] for each in batch),
            attempt=max(map(_receive_count, batch)),
        )
        result = await invoke(self._context, function, create, received_at + timeout)
        failed: set[str] | None = None
        if result is not None and result.error_type is None:
            identifiers = [each["MessageId"] for each in batch]
            reports = self._mapping.settings.reports_failures
            failed = failed_items(result.payload, identifiers) if reports else set()
        if failed is None:
            remaining = batch
        else:
            remaining = [each for each in batch if each["MessageId"] in failed]
            await self._delete([each for each in batch if each["MessageId"] not in failed])
        if self._mapping.source.endswith(".fifo"):
            self.signal.set()  # the next messages of the group may be received
        if remaining:
            visible_in = max(received_at + timeout - time.monotonic(), 0.0)
            self._look_again_in(visible_in)
            failures = f"{len(remaining)} of {count(len(batch), 'message')} failed"
            again = f"visible again in {visible_in:.0f} s"
            self._context.log(f"{name}: {failures} in {function}; {again}", "WARN")
            dead = self._dead_letter(remaining)
            report_failure(self._context, function, request_id, f"{failures}; {again}{dead}")

    def _dead_letter(self, messages: Sequence[Message]) -> str:
        """Return how many messages the queue then moves, and where to."""
        limit = int(self._redrive.get("maxReceiveCount") or 0)
        moved = sum(_receive_count(each) >= limit for each in messages) if limit else 0
        target = str(self._redrive.get("deadLetterTargetArn")).rpartition(":")[2]
        return f"; {count(moved, 'message')} then in {target}" if moved else ""

    async def _read_attributes(self) -> None:
        found = await self._context.aws.call(
            "sqs",
            "get_queue_attributes",
            QueueUrl=self._url,
            AttributeNames=["VisibilityTimeout", "RedrivePolicy"],
        )
        self._visibility_timeout = float(found["Attributes"]["VisibilityTimeout"])
        self._redrive = json.loads(found["Attributes"].get("RedrivePolicy") or "{}")

    def _look_again_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(seconds + _VISIBLE_MARGIN_SECONDS, self.signal.set)

    async def _delete(self, messages: Sequence[Message]) -> None:
        for start in range(0, len(messages), _MAX_RECEIVED):
            entries = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                for number, each in enumerate(messages[start : start + _MAX_RECEIVED])
            ]
            await self._context.aws.call(
                "sqs", "delete_message_batch", QueueUrl=self._url, Entries=entries
            )

    async def _make_visible(self, messages: Sequence[Message]) -> None:
        for each in messages:
            await self._context.aws.call(
                "sqs",
                "change_message_visibility",
                QueueUrl=self._url,
                ReceiptHandle=each["ReceiptHandle"],
                VisibilityTimeout=0,
            )

    def _record(self, message: Message) -> dict[str, Any]:
        """Return a message as AWS's event has it."""
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: _attribute(value)
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._mapping.source,
            "awsRegion": self._mapping.source.split(":")[3],
        }
        if "MD5OfMessageAttributes" in message:
            record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
        return record


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return attribute | {"dataType": value["DataType"]}


def _receive_count(message: Message) -> int:
    return int(message.get("Attributes", {}).get("ApproximateReceiveCount") or 1)
