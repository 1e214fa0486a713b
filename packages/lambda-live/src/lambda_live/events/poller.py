"""What the pollers share: queues, signals, filters, and an invocation that outlasts throttling."""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lambda_live.functions.function import Function
from lambda_live.functions.request_queue import RejectedError, ThrottledError
from lambda_live.model.invocation import Invocation, Result
from lambda_live.model.resources import EventSource
from lambda_live.resources.aws import AwsClients, explain

IDLE_SECONDS = 2.0
"""How often an idle poller looks for messages that became visible without a signal."""

MAX_PAYLOAD_BYTES = 6 * 2**20 - 1000
"""AWS's limit for a batch, without the members around the records."""

_RETRY_SECONDS = (0.05, 1.0)
"""The first and the longest pause before a throttled invocation is repeated."""

_ERROR_PAUSE_SECONDS = 1.0
_MAX_RECEIVED = 10
"""SQS's limit of messages in one call."""

_LONG_POLL_SECONDS = 20
_ENVELOPE = {
    "id": "0",
    "account": "0",
    "source": "lambda",
    "time": "2000-01-01T00:00:00Z",
    "region": "local",
    "resources": [],
    "detail-type": "lambda",
}
"""The members that TestEventPattern requires."""

type Message = dict[str, Any]
"""A message as boto3 returns it, and the monotonic time `ReceivedAt`."""


class Signal(asyncio.Event):
    """Wakes a poller when the data of its service may have changed."""

    async def wait_for(self, seconds: float) -> None:
        """Return when the signal is set, or after some seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), max(seconds, 0))


@dataclass(frozen=True, slots=True)
class PollerContext:
    """What all pollers use. `has_signals` is whether the emulator reports changes."""

    aws: AwsClients
    find_function: Callable[[str], Function | None]
    log: Callable[[str, str], None]
    has_signals: bool


QUEUE_SERVICES = frozenset(("sqs", "sns", "s3", "events"))
"""The services whose changes can put a message into a queue."""


class Queue:
    """A queue in the emulator; `signal` wakes the poller that receives from it."""

    def __init__(self, context: PollerContext) -> None:
        """Set `url` before any call."""
        self.signal = Signal()
        self.url = ""
        self._context = context

    async def call(self, operation: str, **arguments: Any) -> Any:
        """Call an operation of SQS on this queue."""
        return await self._context.aws.call("sqs", operation, QueueUrl=self.url, **arguments)

    async def receive(self, count: int, seconds: float) -> list[Message]:
        """Return some of the next messages; if there are none, wait for a change or a timeout."""
        self.signal.clear()
        has_signals = self._context.has_signals
        found = await self.call(
            "receive_message",
            MaxNumberOfMessages=min(count, _MAX_RECEIVED),
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0 if has_signals else min(_LONG_POLL_SECONDS, int(seconds) or 1),
        )
        messages = found.get("Messages", [])
        if not messages and has_signals:
            await self.signal.wait_for(seconds)
        return [{**each, "ReceivedAt": time.monotonic()} for each in messages]

    async def delete(self, messages: Sequence[Message]) -> None:
        """Delete messages. Raises ValueError if the queue keeps some of them."""
        for start in range(0, len(messages), _MAX_RECEIVED):
            entries = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                for number, each in enumerate(messages[start : start + _MAX_RECEIVED])
            ]
            deleted = await self.call("delete_message_batch", Entries=entries)
            if failed := deleted.get("Failed"):
                message = f"{count(len(failed), 'message')} not deleted: {failed[0].get('Message')}"
                raise ValueError(message)

    async def set_visibility(self, messages: Sequence[Message], seconds: int) -> None:
        """Let messages become visible after some seconds."""
        for each in messages:
            await self.call(
                "change_message_visibility",
                ReceiptHandle=each["ReceiptHandle"],
                VisibilityTimeout=seconds,
            )


class Filters:
    """
    The filter criteria of a mapping, evaluated by the emulator's TestEventPattern.

    Lambda's patterns are EventBridge's:
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
    """

    def __init__(self, aws: AwsClients, patterns: Sequence[str]) -> None:
        self._aws = aws
        self._patterns = patterns

    async def select(self, items: Sequence[dict[str, Any]]) -> list[bool]:
        """Return which items match at least one pattern; all do without patterns."""
        if not self._patterns:
            return [True] * len(items)
        return await asyncio.gather(*map(self._matches, items))

    async def _matches(self, item: dict[str, Any]) -> bool:
        event = json.dumps({**_ENVELOPE, **item})
        for pattern in self._patterns:
            found = await self._aws.call(
                "events", "test_event_pattern", Event=event, EventPattern=pattern
            )
            if found["Result"]:
                return True
        return False


def as_json(value: object) -> bytes:
    """Return a value as AWS's payloads have it: other characters than ASCII are not escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def split[T](items: Iterable[T], size_of: Callable[[T], int], count: int) -> Iterator[list[T]]:
    """Yield batches of at most `count` items, whose sizes do not exceed AWS's limit together."""
    batch: list[T] = []
    total = 0
    for item in items:
        size = size_of(item)
        if batch and (len(batch) >= count or total + size > MAX_PAYLOAD_BYTES):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += size
    if batch:
        yield batch


def json_or_text(text: str) -> Any:
    """Return the JSON object or array in a text, else the text itself."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, dict | list) else text


async def invoke(
    context: PollerContext,
    name: str,
    create_invocation: Callable[[], Invocation],
    deadline: float = math.inf,
) -> Result:
    """
    Invoke a function; repeat a throttled invocation until the deadline, a monotonic time.

    Raises:
        ThrottledError: The function was throttled until the deadline.
        RejectedError: AWS rejects the invocation; a retry cannot succeed.
        ServiceStoppingError: The service is stopping.
    """
    pause, longest = _RETRY_SECONDS
    while True:
        function = context.find_function(name)
        if function is not None:
            with suppress(ThrottledError):
                return await function.invoke(create_invocation())
        if time.monotonic() + pause > deadline:
            raise ThrottledError
        await asyncio.sleep(pause)
        pause = min(pause * 2, longest)


def report_failure(context: PollerContext, name: str, request_id: str, consequence: str) -> None:
    """Report what happens to the messages of an invocation that failed."""
    if (function := context.find_function(name)) is not None:
        function.report_failure(request_id, consequence)


async def reject_event(
    context: PollerContext, source: EventSource, event: str, error: RejectedError
) -> None:
    """
    Report an event that its function rejects, and send it to the event source's dead-letter queue.

    Errors of the function itself go to the function's destinations, like on AWS:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    settings = {**(source.settings.get("Target") or {}), **source.settings}
    queue = (settings.get("DeadLetterConfig") or {}).get("Arn")
    queue = queue or (settings.get("RedrivePolicy") or {}).get("deadLetterTargetArn")
    sent = f"sent to {queue.rpartition(':')[2]}" if queue else "dropped"
    context.log(f"{source.place}: {source.name} is not delivered, but {sent}: {error}", "ERROR")
    if queue:
        attributes = {"ERROR_CODE": "SDK_CLIENT_ERROR", "ERROR_MESSAGE": str(error)}
        await context.aws.send(queue, event, attributes)


def count(number: int, noun: str) -> str:
    """Return a number and its noun, such as `2 messages`."""
    return f"{number} {noun}{'s'[: number != 1]}"


async def repeat(
    what: str, run: Callable[[], Awaitable[bool | None]], log: Callable[[str, str], None]
) -> None:
    """Run a poller until it returns True; log an error once until it changes."""
    last = ""
    while True:
        try:
            if await run():
                return
            last = ""
        except Exception as error:  # noqa: BLE001  # a poller must survive any fault of an emulator
            if (text := f"{what}: {explain(error)}") != last:
                log(text, "ERROR")
            last = text
            await asyncio.sleep(_ERROR_PAUSE_SECONDS)
