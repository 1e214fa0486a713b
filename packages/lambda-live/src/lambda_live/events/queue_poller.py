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

from lambda_live.background import BackgroundTasks
from lambda_live.events.mapping import EventSourceMapping, failed_items
from lambda_live.events.poller import (
    IDLE_SECONDS,
    MAX_PAYLOAD_BYTES,
    QUEUE_SERVICES,
    Filters,
    Message,
    PollerContext,
    Queue,
    as_json,
    count,
    invoke,
    json_or_text,
    repeat,
    report_failure,
    split,
)
from lambda_live.functions.request_queue import RejectedError, ServiceStoppingError, ThrottledError
from lambda_live.model.function import DEFAULT_CONCURRENCY
from lambda_live.model.invocation import Invocation, Result, continue_trace, new_request_id

_VISIBLE_MARGIN_SECONDS = 0.05


class QueuePoller:
    """Delivers the messages of one mapping."""

    services = QUEUE_SERVICES

    def __init__(self, mapping: EventSourceMapping, context: PollerContext) -> None:
        self._mapping = mapping
        self._context = context
        self._queue = Queue(context)
        self.signal = self._queue.signal
        self._filters = Filters(context.aws, mapping.settings.filters)
        self._running = BackgroundTasks(context.log)
        self._visibility_timeout = 30.0
        self._redrive: dict[str, Any] = {}

    async def run(self) -> None:
        """Deliver messages until the task is cancelled; batches that run finish."""
        await repeat(self._mapping.label, self._deliver_next, self._context.log)

    async def drain(self) -> None:
        """Return when the running batches have finished."""
        await self._running.wait_for_fewer_than(1)

    def _limit(self) -> int:
        function = self._context.find_function(self._mapping.function)
        limit = function.desired_configuration.concurrency if function else DEFAULT_CONCURRENCY
        return max(1, min(limit, self._mapping.settings.maximum_concurrency or limit))

    async def _deliver_next(self) -> None:
        if not self._queue.url:
            await self._open()
        await self._running.wait_for_fewer_than(self._limit())
        for batch in split(await self._collect(), self._size, self._mapping.settings.batch_size):
            await self._running.wait_for_fewer_than(self._limit())
            self._running.spawn(self._deliver(batch))

    async def _collect(self) -> list[Message]:
        """Return the next messages: up to the batch size, the window or the largest payload."""
        settings = self._mapping.settings
        more = await self._queue.receive(settings.batch_size, IDLE_SECONDS)
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
            more = await self._queue.receive(settings.batch_size - len(messages), left)
        return list(messages.values())

    def _size(self, message: Message) -> int:
        """Return the bytes of a message in the payload."""
        return len(as_json(self._record(message)))

    async def _deliver(self, batch: list[Message]) -> None:
        try:
            batch = await self._discard_filtered(batch)
            if batch:
                await self._invoke(batch)
        except ServiceStoppingError:
            await self._queue.set_visibility(batch, 0)
        except Exception as error:  # noqa: BLE001  # the messages become visible again
            self._context.log(f"queue {self._mapping.source_name}: {error}", "ERROR")

    async def _discard_filtered(self, batch: list[Message]) -> list[Message]:
        """Delete messages that no filter matches, as AWS does; return the others."""
        items = [{**self._record(each), "body": json_or_text(each["Body"])} for each in batch]
        matches = await self._filters.select(items)
        rejected = [each for each, matched in zip(batch, matches, strict=True) if not matched]
        await self._queue.delete(rejected)
        return [each for each, matched in zip(batch, matches, strict=True) if matched]

    async def _invoke(self, batch: list[Message]) -> None:
        name, function = self._mapping.source_name, self._mapping.function
        request_id = new_request_id()
        visible_at = min(each["ReceivedAt"] for each in batch) + self._visibility_timeout
        create = partial(
            Invocation,
            as_json({"Records": [self._record(each) for each in batch]}),
            request_id=request_id,
            qualifier=self._mapping.qualifier,
            trace_id=continue_trace(_trace_of(batch)),
            label=f"SQS {name} ({len(batch)})",
            source={"queue": name, "batch": count(len(batch), "message")},
            keys=tuple(each["MessageId"] for each in batch),
            attempt=max(map(_receive_count, batch)),
        )
        failed, why = {each["MessageId"] for each in batch}, ""
        try:
            result = await invoke(self._context, function, create, visible_at)
            failed = self._failed(result, failed)
        except ThrottledError:
            why = " (throttled)"
        except RejectedError as error:
            why = f" ({error})"
        remaining = [each for each in batch if each["MessageId"] in failed]
        await self._queue.delete([each for each in batch if each["MessageId"] not in failed])
        if self._mapping.source.endswith(".fifo"):
            self.signal.set()  # the next messages of the group may be received
        if remaining:
            visible_in = max(visible_at - time.monotonic(), 0.0)
            loop = asyncio.get_running_loop()
            loop.call_later(visible_in + _VISIBLE_MARGIN_SECONDS, self.signal.set)
            failures = f"{len(remaining)} of {count(len(batch), 'message')} failed"
            again = f"visible again in {visible_in:.0f} s{self._dead_letter(remaining)}"
            self._context.log(f"{name}: {failures} in {function}{why}; {again}", "WARN")
            report_failure(self._context, function, request_id, f"{failures}; {again}")

    def _failed(self, result: Result, batch: set[str]) -> set[str]:
        """Return the ids of the messages of a batch that failed."""
        if result.error_type is not None:
            return batch
        if not self._mapping.settings.reports_failures:
            return set()
        failed = failed_items(result.payload, batch)
        return batch if failed is None else failed

    def _dead_letter(self, messages: Sequence[Message]) -> str:
        """Return how many messages the queue then moves, and where to."""
        limit = int(self._redrive.get("maxReceiveCount") or 0)
        moved = sum(_receive_count(each) >= limit for each in messages) if limit else 0
        target = str(self._redrive.get("deadLetterTargetArn")).rpartition(":")[2]
        return f"; {count(moved, 'message')} then in {target}" if moved else ""

    async def _open(self) -> None:
        """Find the queue, and read the attributes that decide about failed messages."""
        url = await self._context.aws.queue_url(self._mapping.source)
        names = ["VisibilityTimeout", "RedrivePolicy"]
        found = await self._context.aws.call(
            "sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=names
        )
        self._visibility_timeout = float(found["Attributes"]["VisibilityTimeout"])
        self._redrive = json.loads(found["Attributes"].get("RedrivePolicy") or "{}")
        function = self._context.find_function(self._mapping.function)
        timeout = function.desired_configuration.timeout if function else 0
        if self._visibility_timeout < timeout:
            message = (
                f"AWS rejects this mapping: its visibility timeout, {self._visibility_timeout:g} s,"
                f" is less than the timeout of {self._mapping.function}, {timeout:g} s"
            )
            self._context.log(f"{self._mapping.label}: {message}", "ERROR")
        self._queue.url = url

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


def _trace_of(batch: Sequence[Message]) -> str | None:
    """Return the trace of the request that sent the first message with a trace."""
    traces = (each.get("Attributes", {}).get("AWSTraceHeader") for each in batch)
    return next(filter(None, traces), None)


def _receive_count(message: Message) -> int:
    return int(message.get("Attributes", {}).get("ApproximateReceiveCount") or 1)
