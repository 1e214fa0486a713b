"""
A shard that resharding created, which MiniStack cannot show: it deletes the parents at once.

So these tests have a stream of their own in place of the emulator.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from lambda_live.events import stream_poller
from lambda_live.events.mapping import EventSourceMapping
from lambda_live.events.poller import PollerContext
from lambda_live.events.stream_poller import StreamPoller
from lambda_live.functions.function import Function
from lambda_live.model.function import Account
from lambda_live.model.invocation import Invocation, Result
from lambda_live.resources.aws import AwsClients

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"
SHARDS: dict[str, dict[str, Any]] = {
    "child": {"ParentShardId": "parent", "AdjacentParentShardId": "other"},
    "grandchild": {"ParentShardId": "child"},
    "parent": {"ParentShardId": "deleted"},
    "other": {},
    "open": {},
}


class ReshardedStream:
    """A stream whose shards have one record each; all are closed except `open`."""

    account = Account()

    def __init__(self) -> None:
        self.shards = dict(SHARDS)
        self.calls: list[str] = []

    async def call(self, _: str, operation: str, **arguments: Any) -> Any:
        await asyncio.sleep(0)
        self.calls.append(operation)
        match operation:
            case "list_shards":
                shards = [{"ShardId": each} | parents for each, parents in self.shards.items()]
                return {"Shards": shards}
            case "get_shard_iterator":
                return {"ShardIterator": arguments["ShardId"]}
        shard = arguments["ShardIterator"]
        if shard == "end":
            return {"Records": [], "NextShardIterator": "end"}
        record = {
            "PartitionKey": "key",
            "SequenceNumber": "1",
            "Data": shard.encode(),
            "ApproximateArrivalTimestamp": datetime.now(UTC),
        }
        following = {"NextShardIterator": "end"} if shard == "open" else {}
        return {"Records": [record], **following}


class SlowFunction:
    """Records the shard of each event; events of parents take longer."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.all_done = asyncio.Event()

    async def invoke(self, invocation: Invocation) -> Result:
        (record,) = json.loads(invocation.payload)["Records"]
        shard = record["eventID"].partition(":")[0]
        for _ in range(100 if shard in ("parent", "child") else 1):
            await asyncio.sleep(0)
        self.done.append(shard)
        if len(self.done) == len(SHARDS):
            self.all_done.set()
        return Result(b"{}")


@asynccontextmanager
async def delivering() -> AsyncIterator[tuple[ReshardedStream, SlowFunction]]:
    """Run a poller; all records are delivered."""
    stream, function, state = ReshardedStream(), SlowFunction(), dict[str, Any]()

    async def save(members: Mapping[str, Any]) -> None:
        state.update(members)

    mapping = EventSourceMapping("work", ARN, {"StartingPosition": "TRIM_HORIZON"}, "uuid")
    aws, found = cast("AwsClients", stream), cast("Function", function)
    context = PollerContext(aws, lambda _: found, lambda *_: None, has_signals=False)
    task = asyncio.create_task(StreamPoller(mapping, context, state, save).run())
    async with asyncio.timeout(20):
        await function.all_done.wait()
        yield stream, function
    task.cancel()


async def deliver() -> list[str]:
    async with delivering() as (_, function):
        return function.done


async def delete_the_open_shard() -> list[str]:
    """Return the calls between the second and the third list without the shard."""
    async with delivering() as (stream, _):
        del stream.shards["open"]
        stream.calls.clear()
        while stream.calls.count("list_shards") < 3:  # noqa: ASYNC110  # a list of calls
            await asyncio.sleep(0)
        first = stream.calls.index("list_shards")
        second = stream.calls.index("list_shards", first + 1)
        return stream.calls[second + 1 : -1]


def test_shard_is_delivered_after_its_parents_and_beside_others() -> None:
    done = asyncio.run(deliver())

    assert sorted(done) == sorted(SHARDS)
    assert done.index("child") > max(done.index("parent"), done.index("other"))
    assert done.index("grandchild") > done.index("child")
    assert done.index("open") < done.index("parent")


def test_deleted_shard_is_no_longer_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_poller, "_SHARD_REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(stream_poller, "_POLL_SECONDS", 0.0)

    assert asyncio.run(delete_the_open_shard()) == []
