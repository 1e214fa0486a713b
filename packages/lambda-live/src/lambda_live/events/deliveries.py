"""
Send a message, an item or an object for a check, and wait for the functions that get it.

A function that the resource invokes must get this very event. For a function further on, such as
one behind a topic, its first delivery after the sending counts.
"""

import asyncio
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, override

from lambda_live.events.event_sources import EventSources
from lambda_live.functions.destinations import json_or_text
from lambda_live.model.invocation import Invocation, Report, Result
from lambda_live.resources.seeding import put_items
from lambda_live.telemetry.listener import Listener

_TIMEOUT_SECONDS = 30.0
_UNNAMED_TIMEOUT_SECONDS = 5.0
"""How long any function is waited for if none is named."""

_UUID = "<uuid>"
"""Stands for another id in each run."""

_KINDS = {"queues": "queue", "tables": "table", "buckets": "bucket"}


@dataclass(frozen=True, slots=True)
class DeliveryResults:
    """The results of the functions that got an event, by name, and the first one's request id."""

    results: dict[str, Any]
    request_id: str
    has_error: bool


@dataclass(slots=True, eq=False)
class _Waiter:
    ended: list[tuple[str, Invocation, Result]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Deliveries:
    """Sends events to resources, and collects the results of the invocations that follow."""

    def __init__(self, aws: EventSources) -> None:
        self._aws = aws
        self._waiters: set[_Waiter] = set()

    def create_listener(self, function: str) -> Listener:
        """Return the listener for a function."""
        return _Recorder(function, self._waiters)

    async def send(
        self, folder: str, resource: str, key: str, body: bytes, functions: Sequence[str]
    ) -> DeliveryResults:
        """
        Send a body to `queues`, `tables` or `buckets`, and wait for the functions.

        Without names, wait for the first function that gets it.

        Raises:
            ValueError: The body is invalid, or there is no emulator.
            BotoCoreError, ClientError: The resource does not exist or rejects the body.
        """
        waiter = _Waiter()
        self._waiters.add(waiter)
        try:
            sent = await self._aws.clients.run(partial(self._put, folder, resource, key, body))
            contains = partial(_contains, _KINDS[folder], resource, sent)
            seconds = _TIMEOUT_SECONDS if functions else _UNNAMED_TIMEOUT_SECONDS
            found: dict[str, tuple[Invocation, Result]] = {}
            try:
                async with asyncio.timeout(seconds):
                    while not (found and set(functions) <= found.keys()):
                        await waiter.changed.wait()
                        waiter.changed.clear()
                        found = _select(waiter, functions, contains)
            except TimeoutError:
                pass  # what is missing is a difference
        finally:
            self._waiters.discard(waiter)
        return DeliveryResults(
            {name: json_or_text(result.payload) for name, (_, result) in found.items()},
            next((invocation.request_id for invocation, _ in found.values()), ""),
            any(result.error_type is not None for _, result in found.values()),
        )

    def _put(self, folder: str, resource: str, key: str, body: bytes) -> Any:
        """Send a body; return what identifies it: a message id, an item or a key."""
        aws = self._aws.clients
        if folder == "queues":
            return aws.send_message(resource, _with_uuid(body), "check")
        if folder == "tables":
            items = json.loads(_with_uuid(body), parse_float=Decimal)
            changed = put_items(aws, resource, items, key)
            has_stream = any(each.source_name == resource for each in self._aws.mappings.values())
            if has_stream and not any(changed):
                hint = f'write "{_UUID}" into it, or delete the item'
                message = f"the table has this item, so no stream record follows; {hint}"
                raise ValueError(message)
            return items
        aws.call_now("s3", "put_object", Bucket=resource, Key=key, Body=body)
        return key


class _Recorder(Listener):
    """Records the deliveries of one function while somebody waits for them."""

    def __init__(self, function: str, waiters: set[_Waiter]) -> None:
        self._function = function
        self._waiters = waiters

    @override
    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        if invocation.source:
            for waiter in self._waiters:
                waiter.ended.append((self._function, invocation, result))
                waiter.changed.set()


def _select(
    waiter: _Waiter, functions: Sequence[str], contains: "partial[bool | None]"
) -> dict[str, tuple[Invocation, Result]]:
    """Return the first invocation of each function that got what was sent, or what followed."""
    found: dict[str, tuple[Invocation, Result]] = {}
    for function, invocation, result in waiter.ended:
        matches = contains(invocation)
        follows = matches is None and function in functions
        if follows or (matches and (function in functions or not functions)):
            found.setdefault(function, (invocation, result))
    return found


def _contains(kind: str, resource: str, sent: Any, invocation: Invocation) -> bool | None:
    """Return whether an invocation has what was sent; None if another resource invoked it."""
    source = invocation.source
    if source.get(kind) != resource:
        return None
    if kind == "queue":
        return sent in invocation.keys
    if kind == "bucket":
        return bool(source.get("object") == sent)
    items = sent if isinstance(sent, list) else [sent]
    records = json.loads(invocation.payload).get("Records", ())
    keys = [each["dynamodb"]["Keys"] for each in records]
    return any(
        all(str(item.get(name)) in value.values() for name, value in key.items())
        for item in items
        for key in keys
    )


def _with_uuid(body: bytes) -> str:
    return body.decode().replace(_UUID, str(uuid.uuid4()))
