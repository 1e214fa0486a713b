"""The event sources of a service: created in the emulator, then polled for their functions."""

import asyncio
import json
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from lambda_live.background import BackgroundTasks
from lambda_live.events.custom_resources import CustomResources
from lambda_live.events.mapping import (
    DYNAMODB,
    KINESIS,
    SQS,
    EventSourceMapping,
    InvalidMappingError,
)
from lambda_live.events.poller import PollerContext
from lambda_live.events.push import NotificationPoller, is_function, notify, put_rule, subscribe
from lambda_live.events.queue_poller import QueuePoller
from lambda_live.events.schedules import InvalidScheduleError, Schedule
from lambda_live.events.stream_poller import StreamPoller
from lambda_live.functions.function import Function
from lambda_live.model.resources import SEED_FOLDER, EventSource, ResourceSpec
from lambda_live.project.config import Config
from lambda_live.resources.aws import AwsClients, AwsError, explain
from lambda_live.resources.creation import count_resources, create_resources
from lambda_live.resources.emulator import LEADER, Emulator
from lambda_live.resources.seeding import SeedError, load_folder
from lambda_live.resources.stored_values import read_values

_MAPPINGS = (SQS, DYNAMODB, KINESIS)
_JOIN_SECONDS = 10.0
_RECONNECT_SECONDS = 1.0
_NAMESPACE = uuid.UUID("6b8a7f0e-36f1-4d0b-8f1b-0f3d5a0b8f52")
type _Poller = QueuePoller | StreamPoller | NotificationPoller


class EventSources:
    """
    Runs one poller for each event source; no poller waits for another.

    In a cluster, the pods of a project share an emulator. It names one of them the leader, which
    reads the event sources of the template. The others have the mappings without a poller.
    """

    def __init__(
        self,
        emulator: Emulator,
        config: Config,
        find_function: Callable[[str], Function | None],
        log: Callable[[str, str], None],
        admin_url: str,
    ) -> None:
        """`admin_url` is where functions send the responses of custom resources."""
        self.on_values: Callable[[], None] = lambda: None  # called if the template has new values
        self.mappings: dict[str, EventSourceMapping] = {}
        self.schedules: dict[str, Schedule] = {}
        self.url = emulator.url
        self._emulator = emulator
        self._project = config.functions[0].project
        self._stored = config.stored
        self._is_leader = not emulator.reports_changes
        self._has_joined = asyncio.Event()
        self.clients = aws = AwsClients(emulator.url, config.functions[0].account)
        self._background = BackgroundTasks(log)
        self._sources: dict[str, EventSource] = {}
        self._specs: dict[tuple[str, str], ResourceSpec] = {}
        self._latest_specs: Iterable[ResourceSpec] = config.resources
        self._context = PollerContext(aws, find_function, log, has_signals=emulator.reports_changes)
        self.custom_resources = CustomResources(self._context, f"{admin_url}/custom-resources")
        self._log = log
        self._pollers: dict[str, tuple[_Poller, asyncio.Task[None]]] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._state: dict[str, Any] = {}
        self._is_started = False
        self._changing = asyncio.Lock()  # only one template or leader is applied at a time
        self._stopping = threading.Event()

    @property
    def sources(self) -> list[EventSource]:
        """The event sources of the template."""
        return list(self._sources.values())

    def describe(self, specs: Iterable[ResourceSpec]) -> str:
        """Return the startup line, such as `1 table, 2 queues (MiniStack, http://…)`."""
        counts = count_resources(specs)
        return f"{counts or 'AWS emulator'} ({self._emulator.name}, {self.url})" if self.url else ""

    async def create(self, specs: Iterable[ResourceSpec]) -> None:
        """Create the resources that do not exist; a new emulator gets the project's data, too."""
        specs = list(specs)
        if specs and not await self.clients.run(self._emulator.is_reachable):
            hint = "start the emulator, then lambda-live again"
            self._log(f"nothing answers at {self._emulator.name} ({self.url}); {hint}", "ERROR")
            return
        self._specs |= {(spec.type, spec.name): spec for spec in specs}
        loop = asyncio.get_running_loop()

        def log(text: str, level: str) -> None:
            loop.call_soon_threadsafe(self._log, text, level)

        await self.clients.run(partial(create_resources, self.clients, specs, log))
        if self._emulator.is_new:
            seed = self._project / SEED_FOLDER
            try:
                loaded = await self.clients.run(partial(load_folder, self.clients, seed))
                if loaded:
                    self._log(f"loaded {loaded} from {seed}", "INFO")
                await self.clients.run(self._emulator.mark_seeded)
            except (*AwsError, SeedError, OSError) as error:
                self._log(f"{seed}: {error}", "ERROR")

    async def start(self, sources: Iterable[EventSource]) -> None:
        """Create the event sources of the template, and start to deliver."""
        if self._emulator.reports_changes:
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._listen, args=(loop,), daemon=True).start()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_joined.wait(), _JOIN_SECONDS)
            if self._is_leader:
                self._state = await self.clients.run(self._emulator.state)
        async with self._changing:
            await self._add(list(sources))
        self._is_started = True

    async def _lead(self) -> None:
        """Read the event sources from now on: another pod has stopped, or the emulator is new."""
        async with self._changing:
            self._is_leader = True
            self._state = await self.clients.run(self._emulator.state)
            await self.create(self._specs.values())
            await self._add(list(self._sources.values()))
            for mapping in self.mappings.values():
                if mapping.uuid not in self._pollers:  # a client created it
                    self.add(mapping)

    def _follow(self) -> None:
        """Stop the pollers: the connection is lost, and another pod may read the event sources."""
        self._is_leader = self._emulator.is_new = False
        self._stop_pollers()
        self._log(f"{self._emulator.name} ({self.url}) stopped; connecting again", "WARN")

    def update(self, specs: Iterable[ResourceSpec], sources: Iterable[EventSource]) -> None:
        """Apply a changed template: create what is new, report what changed, delete nothing."""
        self._background.spawn(self._update(list(specs), list(sources)))

    async def _update(self, specs: list[ResourceSpec], sources: list[EventSource]) -> None:
        async with self._changing:
            await self._apply(specs, sources)

    async def _apply(self, specs: list[ResourceSpec], sources: list[EventSource]) -> None:
        known, self._latest_specs = self._specs, specs
        for spec in specs:
            before = known.get((spec.type, spec.name))
            if before is not None and before.properties != spec.properties:
                hint = "`lambda-live aws reset` creates it again, without its data"
                self._log(f"{spec.place}: {spec.name} keeps its old properties; {hint}", "WARN")
        new = [spec for spec in specs if (spec.type, spec.name) not in known]
        await self.create(new)
        if await self.clients.run(partial(read_values, self.clients, self._stored)):
            self.on_values()
        wanted = {_identity(each): each for each in sources}
        removed = [self._sources.pop(key) for key in self._sources.keys() - wanted.keys()]
        for each in removed:
            self._remove_source(each)
        added = [each for key, each in wanted.items() if key not in self._sources]
        for each in added:
            if each.kind == "CustomResource" and _state_key(each) in self._state:
                hint = "`lambda-live aws reset` creates it again"
                self._log(f"{each.place}: {each.name} keeps its old attributes; {hint}", "WARN")
        await self._add(added)
        if self._is_leader:
            await self._notify(removed)

    def _remove_source(self, source: EventSource) -> None:
        if source.kind in _MAPPINGS:
            if (identifier := _uuid_of(source)) in self.mappings:
                self.remove(identifier)
        elif source.kind == "Schedule":
            self.schedules.pop(source.name, None)
            if (timer := self._timers.pop(source.name, None)) is not None:
                timer.cancel()
        else:
            self._stop_poller(_identity(source))

    async def _add(self, sources: list[EventSource]) -> None:
        self._sources |= {_identity(each): each for each in sources}
        for source in sources:
            if source.kind in _MAPPINGS:
                self._add_mapping_of(source)
            elif source.kind == "Schedule":
                self._add_schedule(source)
        if self._is_leader:
            await self._add_pushes(sources)
            await self._notify(sources)
            created = [each for each in sources if each.kind == "CustomResource"]
            self._background.spawn(self._create_custom(created))

    async def _create_custom(self, sources: list[EventSource]) -> None:
        """Create custom resources, one after the other, once for each emulator."""
        before = dict(self._stored.values)
        for source in sources:
            key = _state_key(source)
            attributes = self._state.get(key)
            if attributes is None:
                attributes = await self.custom_resources.create(source)
            if attributes is not None:
                await self._save({key: attributes})
                for name, value in attributes.items():
                    text = value if isinstance(value, str) else json.dumps(value)
                    self._stored.values[f"attribute:{source.name}.{name}"] = text
        if self._stored.values != before:
            self.on_values()

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake the pollers when the emulator reports changes; runs in a thread."""
        with suppress(RuntimeError):  # the loop is closed: the service stopped
            while not self._stopping.is_set():
                is_connected = False
                for names in self._emulator.changes(self._project):
                    is_connected = True
                    loop.call_soon_threadsafe(self._on_changes, names)
                if not self._emulator.is_own:
                    if is_connected and not self._stopping.is_set():
                        loop.call_soon_threadsafe(self._follow)
                    self._stopping.wait(_RECONNECT_SECONDS)
                elif not self._stopping.is_set() and not self._emulator.is_reachable():
                    hint = f"restart lambda-live; {self._emulator.log_file} may say why"
                    loop.call_soon_threadsafe(
                        self._log, f"the {self._emulator.name} process stopped; {hint}", "ERROR"
                    )
                    return

    async def reset(self) -> None:
        """
        Delete everything in the emulator, and create the template's resources again.

        Raises:
            ValueError: The emulator is the user's own, or another pod reads the event sources.
            OSError: The emulator does not respond.
        """
        if not self._emulator.reports_changes:
            message = f"the emulator at {self.url} isn't lambda-live's; reset it by its own means"
            raise ValueError(message)
        if not self._is_leader:
            message = "another pod reads the event sources; try again"
            raise ValueError(message)
        async with self._changing:
            await self._reset()

    async def _reset(self) -> None:
        self._stop_pollers()
        self.mappings.clear()
        self.schedules.clear()
        await self.clients.run(self._emulator.reset)
        self._state = {}
        self._specs.clear()
        await self.create(self._latest_specs)
        await self._add(list(self._sources.values()))
        self._log("deleted all data, and created the resources again", "INFO")

    def request_reset(self) -> None:
        """Start a reset; its failure is logged."""
        self._background.spawn(self.reset(), lambda error: self._log(str(error), "ERROR"))

    def _cancel_pollers(self) -> None:
        for task in (*(task for _, task in self._pollers.values()), *self._timers.values()):
            task.cancel()

    def _stop_pollers(self) -> None:
        self._cancel_pollers()
        self._pollers.clear()
        self._timers.clear()

    def _on_changes(self, names: Iterable[str]) -> None:
        if LEADER in names and not self._is_leader:
            if self._is_started:
                self._background.spawn(self._lead())
            else:
                self._is_leader = True
        self._has_joined.set()
        for poller, _ in self._pollers.values():
            if not poller.services.isdisjoint(names):
                poller.signal.set()

    def _add_mapping_of(self, source: EventSource) -> None:
        try:
            mapping = EventSourceMapping(
                source.target,
                source.source,
                dict(source.settings),
                _uuid_of(source),
                source.place,
                source.qualifier,
            )
        except InvalidMappingError as error:
            self._log(f"{source.place}: {source.name} delivers nothing: {error}", "ERROR")
            return
        if self._is_leader:
            self.add(mapping)
        else:
            self.mappings[mapping.uuid] = mapping

    def add(self, mapping: EventSourceMapping) -> None:
        """Add a mapping, and start to deliver if it is enabled."""
        self.mappings[mapping.uuid] = mapping
        if not mapping.enabled:
            return
        if mapping.kind == SQS:
            self._start(mapping.uuid, QueuePoller(mapping, self._context))
        else:
            poller = StreamPoller(mapping, self._context, self._state, self._save)
            self._start(mapping.uuid, poller)

    async def _save(self, members: Mapping[str, Any]) -> None:
        self._state |= members
        await self.clients.run(lambda: self._emulator.save_state(dict(members)))

    async def check_source(self, mapping: EventSourceMapping) -> int:
        """
        Return a queue's visibility timeout in seconds, 0 for a stream.

        Raises:
            LookupError: The queue or the stream does not exist; the text is AWS's.
        """
        try:
            return await self._visibility_timeout(mapping)
        except (ClientError, KeyError) as error:
            message = f"Stream not found: {mapping.source}"
            if mapping.kind == SQS and isinstance(error, ClientError):
                details = error.response["Error"]
                message = "Error occurred while ReceiveMessage. SQS Error Code: "
                message += f"{details['Code']}. SQS Error Message: {details['Message']}"
            raise LookupError(message) from error

    async def _visibility_timeout(self, mapping: EventSourceMapping) -> int:
        name = mapping.source_name
        if mapping.kind == DYNAMODB:
            table = await self.clients.call("dynamodb", "describe_table", TableName=name)
            if "LatestStreamArn" not in table["Table"]:
                raise KeyError(name)
            return 0
        if mapping.kind == KINESIS:
            await self.clients.call("kinesis", "describe_stream_summary", StreamName=name)
            return 0
        names, url = ["VisibilityTimeout"], await self.clients.queue_url(mapping.source)
        found = await self.clients.call(
            "sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=names
        )
        return int(found["Attributes"]["VisibilityTimeout"])

    def remove(self, identifier: str) -> None:
        """Remove a mapping, and deliver nothing more. Its running batches finish."""
        del self.mappings[identifier]
        self._stop_poller(identifier)

    def _start(self, key: str, poller: _Poller) -> None:
        self._pollers[key] = poller, asyncio.create_task(poller.run())

    def _stop_poller(self, key: str) -> None:
        if (running := self._pollers.pop(key, None)) is not None:
            running[1].cancel()

    def _add_schedule(self, source: EventSource) -> None:
        try:
            schedule = Schedule(source, self._context)
        except InvalidScheduleError as error:
            self._log(f"{source.place}: {source.name} never fires: {error}", "ERROR")
            return
        self.schedules[source.name] = schedule
        if self._is_leader:
            self._timers[source.name] = asyncio.create_task(schedule.run())

    async def _add_pushes(self, sources: list[EventSource]) -> None:
        for source in sources:
            if source.kind not in ("SNS", "EventBridge"):
                continue
            try:
                arn = await self._queue_of(source)
                if source.kind == "EventBridge":
                    await put_rule(self.clients, source, arn)
                    continue
                subscription = await subscribe(self.clients, source, arn)
                poller, _ = self._pollers.get(_identity(source), (None, None))
                if isinstance(poller, NotificationPoller):
                    poller.subscription = subscription
            except (*AwsError, KeyError, TypeError) as error:
                reason = explain(error)
                self._log(f"{source.place}: {source.name} delivers nothing: {reason}", "ERROR")

    async def _notify(self, changed: Iterable[EventSource]) -> None:
        """Set the notifications of buckets, after some of their event sources have changed."""
        for bucket in {each.source for each in changed if each.kind == "S3"}:
            notified: list[tuple[EventSource, str]] = []
            place = ""
            try:
                for each in self._sources.values():
                    if each.kind == "S3" and each.source == bucket:
                        place = each.place
                        notified.append((each, await self._queue_of(each)))
                await notify(self.clients, bucket, notified)
            except AwsError as error:
                self._log(
                    f"{place}: bucket {bucket} sends no notifications: {explain(error)}", "ERROR"
                )

    async def _queue_of(self, source: EventSource) -> str:
        """Return the ARN that a notification goes to: its own target, or an internal queue."""
        if not is_function(source.target):
            return source.target
        poller, _ = self._pollers.get(_identity(source), (None, None))
        if not isinstance(poller, NotificationPoller):
            poller = NotificationPoller(source, self._context)
            await poller.create_queue()
            self._start(_identity(source), poller)
        return poller.arn

    def stop(self) -> None:
        """Deliver nothing more. What was delivered still runs."""
        self._stopping.set()
        self._cancel_pollers()

    async def drain(self, timeout_seconds: float) -> None:
        """Return when the delivered batches have finished, or at the timeout."""
        pollers = [asyncio.create_task(poller.drain()) for poller, _ in self._pollers.values()]
        if pollers:
            _, late = await asyncio.wait(pollers, timeout=timeout_seconds)
            for each in late:
                each.cancel()

    async def send(self, arn: str, text: str, attributes: Mapping[str, str]) -> str | None:
        """Send a text to a queue, topic, event bus or bucket; return why that failed, or None."""
        try:
            await self.clients.send(arn, text, dict(attributes))
        except (*AwsError, ValueError, IndexError) as error:
            return explain(error)
        return None

    async def close(self) -> None:
        """Stop the emulator."""
        if not await self.clients.run(self._emulator.stop):
            hint = f"{self._emulator.log_file} says why"
            self._log(f"the data of the resources was not stored; {hint}", "ERROR")
        self.clients.close()


def _identity(source: EventSource) -> str:
    settings = json.dumps(source.settings, sort_keys=True)
    target = f"{source.target}:{source.qualifier}"
    return f"{source.kind} {source.name} {target} {source.source} {settings}"


def _state_key(source: EventSource) -> str:
    """Return the key by which the emulator stores the attributes of a custom resource."""
    return f"custom {_uuid_of(source)}"


def _uuid_of(source: EventSource) -> str:
    key = f"{source.target} {source.source} {source.name}"
    return str(uuid.uuid5(_NAMESPACE, key))
