"""
The execution environments of one function: which invocation runs where, and when the code is new.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace

from lambda_local import errors
from lambda_local.code.source import Source
from lambda_local.environment.environment import Environment, Generation, Service, State
from lambda_local.invocation import Invocation, Result
from lambda_local.telemetry.log import Report

IDLE_LIMIT = 600.0
"""Seconds of idleness after which an environment is taken down; one always stays."""

_SWEEP = 0.05


class ThrottledError(Exception):
    """All environments are busy and no more requests may wait: AWS's 429."""


class StoppingError(Exception):
    """The service is about to end and takes no more requests."""


class Pool:
    """Runs invocations; `on_reload` is called with the outcome each time that code was loaded."""

    def __init__(
        self, service: Service, source: Source, on_reload: Callable[[Generation, bool], None]
    ) -> None:
        self._service = service
        self._settings = service.settings
        self._source = source
        self._on_reload = on_reload
        self._loop = asyncio.get_running_loop()
        self._environments: set[Environment] = set()
        self._idle: list[Environment] = []
        self._waiting: deque[tuple[float, Invocation]] = deque()
        self._standby: Environment | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reload: asyncio.Task[None] | None = None
        self._loaded = Generation(0, "")
        self._sound = Generation(0, "")
        self._overran = Generation(0, "")
        self._stopping = False
        self._killed = False
        self._left = asyncio.Event()
        self._renewed = asyncio.Event()
        self._fresh_at = time.monotonic()
        self.generation = Generation(1, source.sha256())
        service.metrics.code(self.generation.code_sha256)
        self._gauges()

    def _gauges(self) -> None:
        gauge = self._service.metrics.gauge
        gauge("lambda_concurrent_executions", "Invocations under way.", self._executing)
        gauge(
            "lambda_queue_length",
            "Requests that wait for an environment.",
            lambda: len(self._waiting),
        )
        gauge("lambda_environments", "Execution environments.", lambda: len(self._live()))
        gauge(
            "lambda_max_memory_used_bytes",
            "Memory that the largest environment had in use at most.",
            lambda: max((environment.max_memory for environment in self._live()), default=0),
        )
        gauge(
            "lambda_memory_size_bytes",
            "Memory that one environment may use.",
            lambda: self._settings.memory * 2**20,
        )
        gauge(
            "lambda_timeout_seconds",
            "Time that an invocation may take.",
            lambda: self._settings.timeout,
        )

    @property
    def loaded(self) -> bool:
        """Whether some code has been loaded, well or badly, and requests are answered."""
        return not self._stopping and (self._loaded.number > 0 or self._settings.concurrency == 0)

    def start(self) -> None:
        """Load the code, and keep a process on standby."""
        self._run(self._sweep())
        self._run(self._watch())
        self._begin_ahead()

    async def invoke(self, invocation: Invocation, *, accepted: bool = False) -> Result:
        """
        Run it on code no older than it is now. Raises ThrottledError, StoppingError.

        What was accepted before a stop runs all the same.
        """
        if self._killed or (self._stopping and not accepted):
            raise StoppingError
        self._submit(invocation)
        return await invocation.result

    def _submit(self, invocation: Invocation) -> None:
        arrived = time.monotonic()
        self.check_code()
        if not self._has_room():
            self._service.metrics.throttles.inc()
            raise ThrottledError
        self._waiting.append((arrived, invocation))
        self._place()

    async def await_code(self, code_sha256: str, seconds: float) -> None:
        """Return when the code has that hash, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.generation.code_sha256 != code_sha256:
                    await self._renewed.wait()

    def check_code(self) -> None:
        """Begin a reload if the code changed."""
        if self._reload is not None or self._stopping:
            return
        now = time.monotonic()
        if self._source.changed():
            self._reload = self._run(self._load_anew())
        else:
            self._fresh_at = now

    def _has_room(self) -> bool:
        if self._settings.concurrency == 0:
            return False
        free = self._settings.concurrency - self._executing()
        return len(self._waiting) < max(free, 0) + self._settings.queue

    def _live(self) -> list[Environment]:
        return [environment for environment in self._environments if not environment.doomed]

    def _executing(self) -> int:
        return sum(environment.invocation is not None for environment in self._environments)

    def _coming(self) -> int:
        return sum(
            environment.invocation is None and environment.state in (State.STANDBY, State.INIT)
            for environment in self._live()
            if not environment.retiring
        )

    def _place(self) -> None:
        """Give waiting invocations to idle environments; make as many more as are missing."""
        while self._waiting and self._idle and self._fresh_enough():
            self._idle.pop().assign(self._waiting.popleft()[1])
        if self._reload is not None:
            return
        missing = len(self._waiting) - self._coming()
        while missing > 0 and self._may_grow():
            self._add(self._waiting.popleft()[1] if self._overran == self.generation else None)
            missing -= 1

    def _fresh_enough(self) -> bool:
        """Whether the code is no older than the first waiting request, even if newer is coming."""
        return self._reload is None or self._waiting[0][0] <= self._fresh_at

    def _may_grow(self) -> bool:
        # a debugger's port is free only when the process that held it is gone
        counted = self._environments if self._settings.debug else self._live()
        return len(counted) < self._settings.concurrency and not self._killed

    def _begin_ahead(self) -> None:
        if self._may_grow():
            self._add()

    def _add(self, invocation: Invocation | None = None) -> None:
        environment, self._standby = self._standby, None
        if environment is None or environment.state is not State.STANDBY or environment.doomed:
            environment = Environment(self._service, self)
            self._environments.add(environment)
            environment.invocation = invocation
            self._run(self._spawn(environment, invocation))
        else:
            self._environments.add(environment)
            environment.begin(self.generation, self._fresh_at, invocation)

    async def _spawn(self, environment: Environment, invocation: Invocation | None) -> None:
        try:
            await environment.spawn()
        except OSError as error:
            not_started = errors.not_started(str(error))
            self._forget(environment)
            self._service.log.own(f"no execution environment can be started: {error}", "ERROR")
            self._answer_waiting(lambda _: not_started, everyone=True)
        except asyncio.CancelledError:
            self._forget(environment)
            raise
        else:
            self._begin(environment, invocation)

    def _begin(self, environment: Environment, invocation: Invocation | None) -> None:
        if not environment.retiring:
            environment.begin(self.generation, self._fresh_at, invocation)
            return
        if invocation is not None:
            environment.invocation = None
            self.returned(invocation)
        environment.kill()

    async def _prepare_standby(self) -> None:
        environment = self._standby = Environment(self._service, self)
        try:
            await environment.spawn()
        except BaseException:
            self._forget(environment)
            raise

    def _renew_standby(self) -> None:
        usable = self._standby is not None and not self._standby.doomed
        if not usable and not self._stopping and not self._settings.debug:
            self._run(self._prepare_standby())

    def initialised(self, environment: Environment) -> None:
        """Part of Owner."""
        if environment.generation == self.generation:
            self._sound = self.generation
            self._tell(succeeded=True)
        if environment.invocation is None:
            self._welcome(environment)
        self._renew_standby()

    def _welcome(self, environment: Environment) -> None:
        if not environment.retiring:
            self.ready(environment)
        elif self._waiting and self._waiting[0][0] <= environment.fresh_at:
            # else code that changes faster than it loads would never answer
            environment.assign(self._waiting.popleft()[1])

    def ready(self, environment: Environment) -> None:
        """Part of Owner."""
        self._idle.append(environment)
        self._place()

    def init_failed(self, environment: Environment, error: errors.ErrorOf, place: str) -> None:
        """Part of Owner."""
        self._renew_standby()
        self.check_code()
        if environment.generation != self.generation or self._reload is not None:
            return  # it may have read half a save; the requests wait for the whole
        where = place.replace(f"{self._settings.task_root}/", "")
        self._service.log.own(
            f"init failed: {where or error('').error_type}", "ERROR", **self._code()
        )
        self._tell(succeeded=False)
        self._answer_waiting(error, everyone=self._sound != self.generation)

    def init_overran(self, environment: Environment) -> None:
        """Part of Owner."""
        if environment.generation == self.generation:
            self._overran = self.generation
            self._tell(succeeded=False)
        self._place()

    def returned(self, invocation: Invocation) -> None:
        """Part of Owner."""
        self._waiting.appendleft((time.monotonic(), invocation))
        if self._killed:
            self._refuse(StoppingError())

    def gone(self, environment: Environment) -> None:
        """Part of Owner."""
        self._forget(environment)
        self._place()
        if self._settings.debug and not self._stopping and self._loaded != self.generation:
            self._begin_ahead()

    def _forget(self, environment: Environment) -> None:
        self._environments.discard(environment)
        if environment in self._idle:
            self._idle.remove(environment)
        if environment is self._standby:
            self._standby = None
        self._left.set()

    def _answer_waiting(self, error_of: errors.ErrorOf, *, everyone: bool) -> None:
        """Let requests that wait for an environment have its init error, as AWS does."""
        count = len(self._waiting) if everyone else min(1, len(self._waiting))
        for _ in range(count):
            invocation = self._waiting.popleft()[1]
            error = error_of(invocation.request_id)
            log, metrics = self._service.log, self._service.metrics
            log.start(invocation)
            report = Report(
                0.0, self._settings.memory, 0, status="failure", error_type=error.error_type
            )
            log.end(invocation, report)
            metrics.invocations.inc()
            metrics.duration.observe(0.0)
            metrics.errors.labels(error.error_type).inc()
            invocation.succeed(replace(error, code_sha256=self.generation.code_sha256))

    def _tell(self, *, succeeded: bool) -> None:
        if self._loaded == self.generation:
            return
        first, self._loaded = self._loaded.number == 0, self.generation
        if not first:
            result = "succeeded" if succeeded else "failed"
            self._service.metrics.reloads.labels(result).inc()
            if succeeded:
                self._service.log.own("reloaded", **self._code())
        self._on_reload(self.generation, succeeded)

    def _code(self) -> dict[str, str]:
        code = self.generation.code_sha256
        return {"code_sha256": code} if self._settings.json_logs else {"code": code[:12]}

    async def _load_anew(self) -> None:
        try:
            code_sha256 = await self._source.settled()
        finally:
            self._reload = None
        self._fresh_at = time.monotonic()
        if code_sha256 != self.generation.code_sha256:
            self.generation = Generation(self.generation.number + 1, code_sha256)
            self._service.metrics.code(code_sha256)
            self._renewed.set()
            self._renewed = asyncio.Event()
            self._idle.clear()
            for environment in self._environments:
                environment.retire()
            self._begin_ahead()
        self._place()

    async def _watch(self) -> None:
        async for _ in self._source.changes():
            self.check_code()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            now = time.monotonic()
            for environment in list(self._environments):
                environment.sweep(now)
            self._reap(now)
            self._expire(now)

    def _reap(self, now: float) -> None:
        while len(self._idle) > 1:
            idle_since = self._idle[0].idle_since
            if idle_since is None or now - idle_since < IDLE_LIMIT:
                return
            self._idle.pop(0).kill()

    def _expire(self, now: float) -> None:
        while len(self._waiting) > self._coming() and self._reload is None:
            since, _ = self._waiting[0]
            if now - since < self._settings.queue_timeout:
                return
            self._service.metrics.throttles.inc()
            self._refuse(ThrottledError())

    def _refuse(self, why: Exception) -> None:
        """Answer the first that waits; its caller may have left."""
        _, invocation = self._waiting.popleft()
        if not invocation.result.done():
            invocation.result.set_exception(why)

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._service.log.own(f"internal error: {error!r}", "ERROR")

    def stop(self) -> None:
        """Take no more requests; those that came in are still answered."""
        self._stopping = True

    def kill(self) -> None:
        """End every process at once."""
        self._stopping = self._killed = True
        while self._waiting:
            self._refuse(StoppingError())
        for task in self._tasks:
            task.cancel()
        for environment in [*self._environments, *filter(None, [self._standby])]:
            environment.kill()

    async def gone_all(self) -> None:
        """Wait until no process is left."""
        while self._environments or self._standby is not None:
            self._left.clear()
            await self._left.wait()
