"""One function, as its callers see it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from lambda_live.background import Background
from lambda_live.functions.async_invocations import Ended, EventQueue
from lambda_live.functions.code_reloader import Reload
from lambda_live.functions.dispatcher import Placement
from lambda_live.functions.environment_pool import Fleet
from lambda_live.functions.in_flight import UnderWay
from lambda_live.functions.load_slots import Turns
from lambda_live.functions.request_queue import Queue, ThrottledError
from lambda_live.functions.scaler import SWEEP, Supply
from lambda_live.functions.stats import Figures
from lambda_live.functions.stopping import StoppingError
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

    def __init__(
        self,
        configuration: FunctionConfiguration,
        settings: ServiceSettings,
        listener: Listener,
        held: Callable[[], bool],
        ended: Callable[[Ended], None],
    ) -> None:
        self._debug = settings.has_debugger
        self._background = background = Background(self._failed)
        self._queue = Queue(settings.queue, settings.queue_timeout, listener)
        self._reload = Reload(configuration, listener, background, self._settled, held)
        self._listener = listener = CompositeListener([self._reload.own_writes, listener])
        self._fleet = Fleet()
        spawning = Background(self._failed)
        self._supply = Supply(self._fleet, self._reload, listener, spawning, settings)
        self._placement = Placement(self._fleet, self._queue, self._reload, self._supply, listener)
        self._events = EventQueue(self._run, lambda: self.wanted, ended, listener)
        self._under_way = UnderWay()
        self.figures = Figures(self._reload, self._queue, self._fleet, self._supply)
        self._stopping = False
        self._killed = False

    @property
    def generation(self) -> CodeVersion:
        """The code that answers, and what it is run with."""
        return self._reload.generation

    @property
    def configuration(self) -> FunctionConfiguration:
        """What it is run with."""
        return self._reload.generation.configuration

    @property
    def wanted(self) -> FunctionConfiguration:
        """What it is run with as soon as its code has settled."""
        return self._reload.wanted

    @property
    def loaded(self) -> bool:
        """Whether some code has been loaded, well or badly, and requests are answered."""
        return not self._stopping and (self._reload.loaded or self.configuration.concurrency == 0)

    def start(self, turns: Turns) -> None:
        """Load the code when its turn has come, and look after it."""
        self._background.run(self._sweep())
        self._reload.start()
        self._supply.start(self._placement, turns, self._placement.renew)

    def configure(self, configuration: FunctionConfiguration) -> None:
        """Run what comes from now on with that configuration, and the code as it is."""
        most = 1 if self._debug else configuration.concurrency
        concurrency = min(configuration.concurrency, most)
        self._reload.configure(replace(configuration, concurrency=concurrency))

    def check(self) -> None:
        """Look whether the code changed."""
        self._reload.check()

    def leave(self) -> None:
        """Take the code on disk for that which answers, until it changes again."""
        self._reload.leave()

    async def invoke(self, invocation: Invocation) -> Result:
        """Run it on code no older than it is now. Raises ThrottledError, StoppingError."""
        if self._stopping:
            raise StoppingError
        return await self._run(invocation)

    def put(self, invocation: Invocation) -> None:
        """Accept an event, to run it later. Raises StoppingError, ThrottledError."""
        self._events.put(invocation)

    async def await_code(self, code_sha256: str, seconds: float) -> None:
        """Return when the code has that hash, or after so many seconds."""
        await self._reload.await_code(code_sha256, seconds)

    async def await_load(self, code_sha256: str, seconds: float) -> None:
        """Return when code of that hash was loaded, well or badly, or after so many seconds."""
        self._reload.check()
        if self.configuration.concurrency > 0:
            await self._reload.await_load(code_sha256, seconds)
        else:
            await self._reload.await_code(code_sha256, seconds)

    def stop(self) -> None:
        """Take nothing more; what was taken in is still answered."""
        self._stopping = True
        self._reload.stop()
        self._events.stop()

    async def finish_events(self, seconds: float) -> None:
        """Run the events that were accepted; those left after so many seconds are told."""
        await self._events.finish(seconds)

    async def finish_requests(self, seconds: float) -> None:
        """Let those that were taken in end, if they do so in so many seconds."""
        await self._under_way.finish(seconds)

    def kill(self) -> None:
        """End every process at once."""
        self._stopping = self._killed = True
        self._reload.stop()
        self._placement.close(StoppingError())
        self._background.cancel()
        self._supply.close()

    async def gone(self) -> None:
        """Return when no process is left."""
        await self._supply.closed()

    async def _run(self, invocation: Invocation) -> Result:
        """Run it even after a stop, which lets what was accepted end."""
        if self._killed:
            raise StoppingError
        arrived = time.monotonic()
        self._reload.check()
        concurrency = self.wanted.concurrency
        if concurrency == 0:
            self._listener.on_throttle()
            raise ThrottledError
        self._queue.admit(invocation, arrived, concurrency - self._fleet.executing())
        self._placement.place()
        return await self._under_way.result_of(invocation)

    def _settled(self) -> None:
        if self.configuration.concurrency == 0:
            self._queue.refuse_all(ThrottledError())
        self._placement.renew()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            now = time.monotonic()
            self._supply.sweep(now)
            if not (self._reload.under_way or self._supply.waits):
                self._queue.expire(now, self._fleet.coming(self.generation))

    def _failed(self, error: BaseException) -> None:
        self._listener.service_log(f"internal error: {error!r}", "ERROR")
