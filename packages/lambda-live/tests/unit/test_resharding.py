"""
A shard that resharding created, which MiniStack cannot show: it deletes the parents at once.

So these tests have a stream of their own in place of the emulator.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast

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

    async def call(self, _: str, operation: str, **arguments: Any) -> Any:
        await asyncio.sleep(0)
        match operation:
            case "list_shards":
                return {"Shards": [{"ShardId": each} | parents for each, parents in SHARDS.items()]}
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


async def deliver() -> list[str]:
    function, state = SlowFunction(), dict[str, Any]()

    async def save(members: Mapping[str, Any]) -> None:
        state.update(members)

    mapping = EventSourceMapping("work", ARN, {"StartingPosition": "TRIM_HORIZON"}, "uuid")
    aws = cast("AwsClients", ReshardedStream())
    found = cast("Function", function)
    context = PollerContext(aws, lambda _: found, lambda *_: None, has_signals=True)
    task = asyncio.create_task(StreamPoller(mapping, context, state, save).run())
    async with asyncio.timeout(20):
        await function.all_done.wait()
    task.cancel()
    return function.done


def test_shard_is_delivered_after_its_parents_and_beside_others() -> None:
    done = asyncio.run(deliver())

    assert sorted(done) == sorted(SHARDS)
    assert done.index("child") > max(done.index("parent"), done.index("other"))
    assert done.index("grandchild") > done.index("child")
    assert done.index("open") < done.index("parent")
