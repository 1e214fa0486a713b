"""
Deliver the records of a DynamoDB or Kinesis stream to a function, in the order of each shard.

A failing batch blocks its shard until it succeeds, is too old, or has no retries left.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
"""

import asyncio
import json
import time
import uuid
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from botocore.exceptions import ClientError

from lambda_live.events.mapping import DYNAMODB, KINESIS, EventSourceMapping, failed_items
from lambda_live.events.poller import (
    IDLE_SECONDS,
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
from lambda_live.events.stream_records import (
    Record,
    arrival_of,
    event_record,
    filtered_item,
    iso_time,
    key_of,
    sequence_of,
    size_of,
)
from lambda_live.functions.request_queue import ServiceStoppingError
from lambda_live.model.invocation import Invocation, Result, new_request_id
from lambda_live.resources.aws import explain

_POLL_SECONDS = 0.5
"""How often a stream is read whose emulator reports no changes."""

_SHARD_REFRESH_SECONDS = 10.0
_MAX_READ = {DYNAMODB: 1000, KINESIS: 10_000}
"""The most records that AWS returns at once."""

_MAX_STATE_BYTES = 2**20
"""AWS ends a tumbling window whose state is larger."""

_RETRY_SECONDS = (0.2, 10.0)
"""The first and the longest pause before a failed batch is repeated."""

type _Lanes = dict[int, list[Record]]


class StreamPoller:
    """
    Delivers the records of one mapping, with a task for each shard.

    A shard that resharding created is read after its parents, as on AWS:
    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """

    def __init__(
        self,
        mapping: EventSourceMapping,
        context: PollerContext,
        state: Mapping[str, Any],
        save: Callable[[Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        """`state` has the positions that `save` stored."""
        self.signal = Signal()
        self.services = frozenset((mapping.kind.lower(),))
        self.mapping = mapping
        self.context = context
        self._state = state
        self._save = save
        self._filters = Filters(context.aws, mapping.settings.filters)
        self._service = "dynamodbstreams" if mapping.kind == DYNAMODB else "kinesis"
        self._shards: dict[str, tuple[_Shard, asyncio.Task[None]]] = {}
        self._finished: set[str] = set()
        self._has_new_finished = False
        self._arn = ""

    async def run(self) -> None:
        """Deliver records until the task is cancelled."""
        try:
            await repeat(self.mapping.label, self._watch, self.context.log)
        finally:
            for _, task in self._shards.values():
                task.cancel()

    async def drain(self) -> None:
        """Return at once: what is not finished is delivered again from its position."""

    async def _watch(self) -> None:
        """Start a task for each new shard, and pass signals on."""
        is_new = self.since is None
        listed = {each["ShardId"]: each for each in await self._list_shards()}
        if is_new:
            await self._save({self.mapping.uuid: int(time.time())})
        for shard_id in self._shards.keys() - listed.keys():
            self._shards.pop(shard_id)[1].cancel()  # the emulator has deleted it
        unread = listed.keys() - self._finished
        for shard_id, each in listed.items():
            parents = {each.get("ParentShardId"), each.get("AdjacentParentShardId")}
            if shard_id not in self._shards and not parents & unread:
                shard = _Shard(self, shard_id, is_new=is_new)
                task = asyncio.create_task(shard.run())
                task.add_done_callback(partial(self._on_shard_done, shard_id))
                self._shards[shard_id] = shard, task
        self._has_new_finished = False
        deadline = time.monotonic() + _SHARD_REFRESH_SECONDS
        while not self._has_new_finished and (left := deadline - time.monotonic()) > 0:
            await self.signal.wait_for(left)
            self.signal.clear()
            for shard, _ in self._shards.values():
                shard.signal.set()

    def _on_shard_done(self, shard_id: str, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._finished.add(shard_id)
            self._has_new_finished = True
            self.signal.set()

    async def _list_shards(self) -> list[dict[str, Any]]:
        if self.mapping.kind == DYNAMODB:
            table = await self.context.aws.call(
                "dynamodb", "describe_table", TableName=self.mapping.source_name
            )
            self._arn = table["Table"].get("LatestStreamArn", "")
            if not self._arn:
                message = "the table has no stream; add a StreamSpecification to it"
                raise ValueError(message)
            found = await self.call("describe_stream", StreamArn=self._arn)
            return list(found["StreamDescription"]["Shards"])
        found = await self.call("list_shards", StreamName=self.mapping.source_name)
        return list(found["Shards"])

    async def get_iterator(self, shard: str, options: Mapping[str, Any]) -> str:
        """Return an iterator over a shard."""
        stream = {"StreamName": self.mapping.source_name}
        if self.mapping.kind == DYNAMODB:
            stream = {"StreamArn": self._arn}
        found = await self.call("get_shard_iterator", ShardId=shard, **stream, **options)
        return str(found["ShardIterator"])

    async def call(self, operation: str, **arguments: Any) -> Any:
        """Call an operation of the stream's API."""
        return await self.context.aws.call(self._service, operation, **arguments)

    @property
    def since(self) -> int | None:
        """When the mapping began to read, in seconds since the epoch; None before that."""
        return self._state.get(self.mapping.uuid)

    def stored(self, key: str) -> Any:
        """Return what `store` stored for a key, or None."""
        return self._state.get(f"{self.mapping.uuid} {key}")

    async def store(self, members: Mapping[str, Any]) -> None:
        """Store values for as long as the emulator has the stream's records."""
        await self._save({f"{self.mapping.uuid} {key}": each for key, each in members.items()})

    async def select(self, records: Sequence[Record]) -> list[Record]:
        """Return the records that match the filters."""
        if not self.mapping.settings.filters:
            return list(records)
        matches = await self._filters.select([filtered_item(each) for each in records])
        return [each for each, matched in zip(records, matches, strict=True) if matched]


class _Shard:
    """Reads one shard, and delivers its batches one after the other."""

    def __init__(self, poller: StreamPoller, shard_id: str, *, is_new: bool) -> None:
        """`is_new` is whether the shard was there when the mapping began to read."""
        self.signal = Signal()
        self.poller = poller
        self.id = shard_id
        self._settings = poller.mapping.settings
        self._is_new = is_new
        self._oldest = 0
        self._iterator: str | None = None
        self._buffer: list[Record] = []
        self._windows = _TumblingWindow(self) if self._settings.tumbling_window else None

    async def run(self) -> None:
        """Deliver records until the shard is closed or the task is cancelled."""
        what = f"shard {self.id} of {self.poller.mapping.source_name}"
        await repeat(what, self._step, self.poller.context.log)

    async def _open(self) -> None:
        options: dict[str, Any] = {"ShardIteratorType": self._settings.starting_position}
        self._oldest = 0
        if (position := self.poller.stored(self.id)) is not None:
            is_table = self.poller.mapping.kind == DYNAMODB
            name = "SequenceNumber" if is_table else "StartingSequenceNumber"
            options = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", name: position}
        elif self._settings.starting_position == "AT_TIMESTAMP":
            options["Timestamp"] = self._settings.starting_timestamp
        elif self._settings.starting_position == "LATEST" and not self._is_new:
            # the latest record now is not the latest one when the mapping began to read
            options["ShardIteratorType"] = "TRIM_HORIZON"
            self._oldest = self.poller.since or 0
        try:
            self._iterator = await self.poller.get_iterator(self.id, options)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TrimmedDataAccessException":
                raise
            # the last record that is done is too old to be in the stream
            options = {"ShardIteratorType": "TRIM_HORIZON"}
            self._iterator = await self.poller.get_iterator(self.id, options)
        self._is_new = False

    async def _step(self) -> bool:
        """
        Read records, and deliver them once the batch is full or its window ends.

        Return True when the shard is closed and everything in it is delivered.
        """
        if self._iterator is None:
            self._buffer.clear()
            await self._open()
        capacity = self._settings.batch_size * self._settings.parallelization
        deadline: float | None = None
        while True:
            if self._buffer and deadline is None:
                deadline = time.monotonic() + self._settings.window
            left = IDLE_SECONDS if deadline is None else deadline - time.monotonic()
            is_closed = self._iterator is None
            if self._buffer and (is_closed or len(self._buffer) >= capacity or left <= 0):
                await self._deliver_buffer(self._buffer)
                self._buffer, deadline = [], None
                continue
            if not is_closed:
                await self._read(capacity, left)
            if self._windows is not None and not self._buffer:
                await self._windows.close_ended(is_shard_closed=is_closed)
            if is_closed:
                return True

    async def _read(self, capacity: int, seconds: float) -> None:
        self.signal.clear()
        iterator, self._iterator = self._iterator, None
        # an error leaves no iterator: the shard is opened again at its position
        mapping, account_id = self.poller.mapping, self.poller.context.aws.account.account_id
        limit = min(capacity - len(self._buffer), _MAX_READ[mapping.kind])
        found = await self.poller.call("get_records", ShardIterator=iterator, Limit=limit)
        self._iterator = found.get("NextShardIterator")
        records = [event_record(mapping, account_id, self.id, each) for each in found["Records"]]
        self._buffer += [each for each in records if arrival_of(each) >= self._oldest]
        if not records:
            has_signals = self.poller.context.has_signals
            await self.signal.wait_for(seconds if has_signals else min(seconds, _POLL_SECONDS))

    async def _deliver_buffer(self, records: list[Record]) -> None:
        wanted = await self.poller.select(records)
        if self._windows is not None:
            await self._windows.deliver(wanted)
        elif self._settings.parallelization > 1:
            lanes: _Lanes = {}
            for each in wanted:
                key = zlib.crc32(key_of(each).encode()) % self._settings.parallelization
                lanes.setdefault(key, []).append(each)
            await asyncio.gather(*(self._deliver_batches(lane) for lane in lanes.values()))
        else:
            await self._deliver_batches(wanted)
        await self._store(records[-1])

    async def _store(self, last: Record) -> None:
        """Store the last record that is done, and the state of the window after it."""
        window = self._windows.stored() if self._windows is not None else {}
        await self.poller.store({self.id: sequence_of(last)} | window)

    async def _deliver_batches(self, records: Sequence[Record]) -> None:
        for batch in split(records, size_of, self._settings.batch_size):
            await self.deliver(batch)

    async def deliver(self, records: list[Record], first_attempt: int = 0) -> None:
        """
        Deliver a batch: until it succeeds, is too old, or has no retries left.

        A batch without records is the last one of a tumbling window.
        """
        settings, attempts, is_final = self._settings, first_attempt, not records
        pause, longest = _RETRY_SECONDS
        while True:
            records = await self._drop_expired(records, attempts)
            if not records and not is_final:
                return
            window = self._windows.members(is_final=is_final) if self._windows is not None else {}
            event, request_id = {"Records": records} | window, new_request_id()
            result = await self._invoke(event, records, request_id, attempts + 1)
            failed_at = self._first_failure(result, records)
            if self._windows is not None and failed_at != 0:
                self._windows.accept(result)
            if failed_at is None:
                self.poller.mapping.last_result = "OK"
                return
            self.poller.mapping.last_result = "PROBLEM: Function call failed"
            if failed_at > 0 and settings.parallelization == 1:
                await self._store(records[failed_at - 1])
            if settings.bisects and len(records) > 1:
                middle = failed_at or len(records) // 2
                parts = "only the rest" if failed_at else f"in two parts: {middle} and"
                self._report(request_id, f"delivered again, {parts}", records[middle:])
                if not failed_at:
                    await self.deliver(records[:middle], attempts)
                records = records[middle:]
                continue
            records = records[failed_at:]
            attempts += 1
            if -1 < settings.maximum_retries < attempts:
                condition, target = "RetryAttemptsExhausted", settings.on_failure
                sent = f"sent to {target.rpartition(':')[2]}" if target else "dropped"
                self._report(request_id, f"{condition}; {sent}:", records)
                await self._give_up(records, condition, attempts, result)
                return
            self._report(request_id, f"delivered again in {pause:g} s:", records)
            if result.error_type is None:  # nothing else says that items failed
                mapping, again = self.poller.mapping, count(len(records), "record")
                message = f"{mapping.label}: failed items in {mapping.function}; {again}"
                self.poller.context.log(f"{message} delivered again in {pause:g} s", "WARN")
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    def _first_failure(self, result: Result, records: Sequence[Record]) -> int | None:
        """Return the position of the first failed record, None if all succeeded."""
        if result.error_type is not None:
            return 0
        if not self._settings.reports_failures:
            return None
        identifiers = [sequence_of(each) for each in records]
        failed = failed_items(result.payload, identifiers)
        if failed is None:
            return 0
        return min(map(identifiers.index, failed)) if failed else None

    async def _drop_expired(self, records: list[Record], attempts: int) -> list[Record]:
        if self._settings.maximum_age < 0:
            return records
        oldest = time.time() - self._settings.maximum_age
        expired = [each for each in records if arrival_of(each) < oldest]
        if expired:
            await self._give_up(expired, "MaximumRecordAgeExceeded", attempts, None)
        return records[len(expired) :]

    async def _invoke(
        self, event: dict[str, Any], records: Sequence[Record], request_id: str, attempt: int
    ) -> Result:
        """Invoke the function; a throttled invocation is repeated until it runs."""
        mapping = self.poller.mapping
        name, kind = mapping.source_name, "table" if mapping.kind == DYNAMODB else "stream"
        create = partial(
            Invocation,
            as_json(event),
            request_id=request_id,
            qualifier=mapping.qualifier,
            label=f"{mapping.kind} {name} ({len(records)})",
            source={kind: name, "shard": self.id, "batch": count(len(records), "record")},
            keys=tuple(map(sequence_of, records)),
            attempt=attempt,
        )
        try:
            return await invoke(self.poller.context, mapping.function, create)
        except ServiceStoppingError:
            await asyncio.Event().wait()  # the service cancels this task
            raise

    def _report(self, request_id: str, consequence: str, records: Sequence[Record]) -> None:
        text = f"{consequence} {count(len(records), 'record')}"
        report_failure(self.poller.context, self.poller.mapping.function, request_id, text)

    async def _give_up(
        self, records: Sequence[Record], condition: str, attempts: int, result: Result | None
    ) -> None:
        """Report records that are not delivered again, and send them to OnFailure."""
        mapping, context = self.poller.mapping, self.poller.context
        message = f"{mapping.label}: {condition}: {count(len(records), 'record')} of {self.id}"
        context.log(f"{message} not processed by {mapping.function}", "ERROR")
        if (destination := self._settings.on_failure) is None or not records:
            return
        record = self._failure_record(records, condition, attempts, result)
        if destination.split(":")[2] == "s3":
            record["payload"] = json.dumps({"Records": list(records)})
        try:
            await context.aws.send(destination, json.dumps(record))
        except Exception as error:  # noqa: BLE001  # the stream goes on, as on AWS
            reason = f"OnFailure {destination} gets no record: {explain(error)}"
            context.log(f"{mapping.label}: {reason}", "ERROR")

    def _failure_record(
        self, records: Sequence[Record], condition: str, attempts: int, result: Result | None
    ) -> dict[str, Any]:
        mapping, account = self.poller.mapping, self.poller.context.aws.account
        is_table = mapping.kind == DYNAMODB
        response: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if result is not None and result.error_type is not None:
            response["functionError"] = "Unhandled"
        return {
            "version": "1.0",
            "timestamp": iso_time(time.time()),
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": account.function_arn(mapping.target),
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            **({"responseContext": response} if result is not None else {}),
            "DDBStreamBatchInfo" if is_table else "KinesisBatchInfo": {
                "shardId": self.id,
                "startSequenceNumber": sequence_of(records[0]),
                "endSequenceNumber": sequence_of(records[-1]),
                "approximateArrivalOfFirstRecord": iso_time(arrival_of(records[0])),
                "approximateArrivalOfLastRecord": iso_time(arrival_of(records[-1])),
                "batchSize": len(records),
                "streamArn": mapping.source,
            },
        }


class _TumblingWindow:
    """Passes a state from batch to batch within windows of a fixed length."""

    def __init__(self, shard: _Shard) -> None:
        self._shard = shard
        self._length = shard.poller.mapping.settings.tumbling_window
        self._key = f"{shard.id} window"
        self._start: int | None
        self._state: Any
        self._start, self._state = shard.poller.stored(self._key) or (None, {})
        self._is_early = False

    def stored(self) -> dict[str, Any]:
        """Return the state as the poller stores it."""
        return {self._key: [self._start, self._state]}

    def members(self, *, is_final: bool) -> dict[str, Any]:
        """Return the members that an event has besides its records."""
        start = self._start or 0
        return {
            "window": {"start": iso_time(start), "end": iso_time(start + self._length)},
            "state": self._state,
            "shardId": self._shard.id,
            "eventSourceARN": self._shard.poller.mapping.source,
            "isFinalInvokeForWindow": is_final,
            "isWindowTerminatedEarly": self._is_early,
        }

    def accept(self, result: Result) -> None:
        """Take the state from the function's response."""
        value = json_or_text(result.payload.decode())
        self._state = (value.get("state") or {}) if isinstance(value, dict) else {}

    async def deliver(self, records: Sequence[Record]) -> None:
        """Deliver records, each in the window of its arrival."""
        for start, group in groupby(records, self._start_of):
            if self._start is not None and start > self._start:
                await self._finish()
            for batch in split(group, size_of, self._shard.poller.mapping.settings.batch_size):
                self._start = start if self._start is None else self._start
                await self._shard.deliver(batch)
                if len(as_json(self._state)) > _MAX_STATE_BYTES:
                    self._is_early = True
                    await self._finish()

    def _start_of(self, record: Record) -> int:
        return int(arrival_of(record)) // self._length * self._length

    async def close_ended(self, *, is_shard_closed: bool) -> None:
        """Invoke the function for the last time of a window that is over, or whose shard is."""
        if self._start is None:
            return
        if is_shard_closed or time.time() >= self._start + self._length:
            await self._finish()
            await self._shard.poller.store(self.stored())

    async def _finish(self) -> None:
        await self._shard.deliver([])
        self._start, self._state, self._is_early = None, {}, False
