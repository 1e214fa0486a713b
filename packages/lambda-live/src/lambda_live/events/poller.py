"""What the pollers share: the signal, filters, and an invocation that outlasts throttling."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lambda_live.functions.function import Function
from lambda_live.functions.request_queue import ThrottledError
from lambda_live.model.invocation import Invocation, Result
from lambda_live.resources.aws import AwsClients, explain

IDLE_SECONDS = 2.0
"""How often an idle poller looks for messages that became visible without a signal."""

MAX_PAYLOAD_BYTES = 6 * 2**20 - 1000
"""AWS's limit for a batch, without the members around the records."""

_RETRY_SECONDS = (0.05, 1.0)
"""The first and the longest pause before a throttled invocation is repeated."""

_ERROR_PAUSE_SECONDS = 1.0
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


class Signal:
    """Wakes a poller when the data of its service may have changed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def clear(self) -> None:
        """Forget earlier changes; call it before looking for them."""
        self._event.clear()

    def set(self) -> None:
        """Wake the poller."""
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Return True at the next change, or False after some seconds."""
        try:
            await asyncio.wait_for(self._event.wait(), max(seconds, 0))
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class PollerContext:
    """What all pollers use. `has_signals` is whether the emulator reports changes."""

    aws: AwsClients
    find_function: Callable[[str], Function | None]
    log: Callable[[str, str], None]
    has_signals: bool


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
    deadline: float | None = None,
) -> Result | None:
    """
    Invoke a function; return None if it was throttled up to the deadline, a monotonic time.

    Raises:
        ServiceStoppingError: The service is stopping.
    """
    pause, longest = _RETRY_SECONDS
    while True:
        function = context.find_function(name)
        if function is not None:
            try:
                return await function.invoke(create_invocation())
            except ThrottledError:
                pass
        if deadline is not None and time.monotonic() + pause > deadline:
            return None
        await asyncio.sleep(pause)
        pause = min(pause * 2, longest)


def report_failure(context: PollerContext, name: str, request_id: str, consequence: str) -> None:
    """Report what happens to the messages of an invocation that failed."""
    if (function := context.find_function(name)) is not None:
        function.report_failure(request_id, consequence)


def count(number: int, noun: str) -> str:
    """Return a number and its noun, such as `2 messages`."""
    return f"{number} {noun}{'s'[: number != 1]}"


async def repeat(what: str, run: Callable[[], Any], log: Callable[[str, str], None]) -> None:
    """Run a poller for ever; log an error once until it changes."""
    last = ""
    while True:
        try:
            await run()
            last = ""
        except Exception as error:  # noqa: BLE001  # a poller must survive any fault of an emulator
            if (text := f"{what}: {explain(error)}") != last:
                log(text, "ERROR")
            last = text
            await asyncio.sleep(_ERROR_PAUSE_SECONDS)
