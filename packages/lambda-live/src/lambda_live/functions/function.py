"""One function, as its callers see it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from lambda_live.background import BackgroundTasks
from lambda_live.debugger.server import DebugServer
from lambda_live.environments.sandbox import SharedResources
from lambda_live.functions.async_invocations import AsyncInvocationQueue, AsyncOutcome
from lambda_live.functions.code_reloader import CodeReloader
from lambda_live.functions.dispatcher import Dispatcher
from lambda_live.functions.environment_pool import EnvironmentPool
from lambda_live.functions.in_flight import InFlight
from lambda_live.functions.load_slots import LoadSlots
from lambda_live.functions.request_queue import RequestQueue, ThrottledError
from lambda_live.functions.scaler import SWEEP_INTERVAL_SECONDS, Scaler
from lambda_live.functions.stats import FunctionStats
from lambda_live.functions.stopping import ServiceStoppingError
from lambda_live.model.code_version import CodeVersion
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Result
from lambda_live.model.service import ServiceSettings
from lambda_live.telemetry.listener import CompositeListener, Listener


class Function:
    """
    Takes requests in, and ends with the service; its parts decide all the rest.

    As long as it is `held`, its code is what it was. `ended` is told of its events.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the manager alone calls it
        self,
        configuration: FunctionConfiguration,
        settings: ServiceSettings,
        listener: Listener,
        is_reload_blocked: Callable[[], bool],
        on_async_done: Callable[[AsyncOutcome], None],
        debug_server: DebugServer | None,
    ) -> None:
        self._can_debug = debug_server is not None
        self._background = background = BackgroundTasks(listener.service_log)
        self._queue = RequestQueue(settings.max_queued_requests, settings.queue_timeout, listener)
        self._reload = CodeReloader(
            configuration, listener, background, self._on_settled, is_reload_blocked
        )
        self._listener = listener = CompositeListener([self._reload.self_writes, listener])
        self._fleet = EnvironmentPool()
        resources = SharedResources(debug_server)
        self._supply = Scaler(
            self._fleet, self._reload, listener, resources, preload=settings.preload
        )
        self._placement = Dispatcher(self._fleet, self._queue, self._reload, self._supply, listener)
        self._events = AsyncInvocationQueue(
            self._run, lambda: self.desired_configuration, on_async_done, listener
        )
        self._under_way = InFlight()
        self.stats = FunctionStats(self._reload, self._queue, self._fleet, self._supply)
        self._stopping = False
        self._killed = False

    @property
    def code_version(self) -> CodeVersion:
        """The code that answers, and what it is run with."""
        return self._reload.code_version

    @property
    def configuration(self) -> FunctionConfiguration:
        """What it is run with."""
        return self._reload.code_version.configuration

    @property
    def desired_configuration(self) -> FunctionConfiguration:
        """What it is run with as soon as its code has settled."""
        return self._reload.desired_configuration

    @property
    def is_loaded(self) -> bool:
        """Whether some code has been loaded, well or badly, and requests are answered."""
        return not self._stopping and (
            self._reload.is_loaded or self.configuration.concurrency == 0
        )

    def start(self, turns: LoadSlots) -> None:
        """Load the code when its turn has come, and look after it."""
        self._background.spawn(self._sweep())
        self._reload.start()
        self._supply.start(self._placement, turns, self._placement.replace_outdated)

    def configure(self, configuration: FunctionConfiguration) -> None:
        """Run what comes from now on with that configuration, and the code as it is."""
        most = 1 if self._can_debug else configuration.concurrency
        concurrency = min(configuration.concurrency, most)
        self._reload.configure(replace(configuration, concurrency=concurrency))

    def check_for_changes(self) -> None:
        """Look whether the code changed."""
        self._reload.check_for_changes()

    def accept_code_on_disk(self) -> None:
        """Take the code on disk for that which answers, until it changes again."""
        self._reload.accept_code_on_disk()

    async def invoke(self, invocation: Invocation) -> Result:
        """Run it on code no older than it is now. Raises ThrottledError, StoppingError."""
        if self._stopping:
            raise ServiceStoppingError
        return await self._run(invocation)

    def enqueue_event(self, invocation: Invocation) -> None:
        """Accept an event, to run it later. Raises StoppingError, ThrottledError."""
        self._events.enqueue(invocation)

    async def wait_for_code(self, code_sha256: str, seconds: float) -> None:
        """Return when the code has that hash, or after so many seconds."""
        await self._reload.wait_for_code(code_sha256, seconds)

    async def wait_for_load(self, code_sha256: str, seconds: float) -> None:
        """Return when code of that hash was loaded, well or badly, or after so many seconds."""
        self._reload.check_for_changes()
        if self.configuration.concurrency > 0:
            await self._reload.wait_for_load(code_sha256, seconds)
        else:
            await self._reload.wait_for_code(code_sha256, seconds)

    def stop(self) -> None:
        """Take nothing more; what was taken in is still answered."""
        self._stopping = True
        self._reload.stop()
        self._events.stop()

    async def drain_events(self, seconds: float) -> None:
        """Run the events that were accepted; those left after so many seconds are told."""
        await self._events.drain(seconds)

    async def drain_requests(self, seconds: float) -> None:
        """Let those that were taken in end, if they do so in so many seconds."""
        await self._under_way.drain(seconds)

    def kill(self) -> None:
        """End every process at once."""
        self._stopping = self._killed = True
        self._reload.stop()
        self._placement.close(ServiceStoppingError())
        self._background.cancel()
        self._supply.close()

    async def wait_closed(self) -> None:
        """Return when no process is left."""
        await self._supply.wait_closed()

    async def _run(self, invocation: Invocation) -> Result:
        """Run it even after a stop, which lets what was accepted end."""
        if self._killed:
            raise ServiceStoppingError
        arrived = time.monotonic()
        self._reload.check_for_changes()
        concurrency = self.desired_configuration.concurrency
        if concurrency == 0:
            self._listener.on_throttle()
            raise ThrottledError
        self._queue.enqueue(invocation, arrived, concurrency - self._fleet.count_executing())
        self._placement.dispatch()
        return await self._under_way.wait_for(invocation)

    def _on_settled(self) -> None:
        if self.configuration.concurrency == 0:
            self._queue.reject_all(ThrottledError())
        self._placement.replace_outdated()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_SECONDS)
            now = time.monotonic()
            self._supply.sweep(now)
            if not (self._reload.in_progress or self._supply.waits_for_slot):
                self._queue.expire(now, self._fleet.count_starting(self.code_version))
