"""
How many execution environments a function has.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import asyncio
from collections.abc import Callable

from lambda_live.background import BackgroundTasks
from lambda_live.environments.environment import Environment, EnvironmentListener
from lambda_live.environments.lifecycle import State
from lambda_live.environments.sandbox import SharedResources
from lambda_live.functions.code_reloader import CodeReloader
from lambda_live.functions.environment_pool import EnvironmentPool, WarmStandby
from lambda_live.functions.load_slots import LoadSlot, LoadSlots
from lambda_live.model.code_version import LoadOutcome
from lambda_live.model.invocation import Invocation
from lambda_live.telemetry.listener import Listener

IDLE_TIMEOUT_SECONDS = 600.0
"""Idle time after which an environment is shut down; one always stays."""

SWEEP_INTERVAL_SECONDS = 0.05


class Scaler:
    """Starts environments on demand, up to the concurrency limit, and shuts down idle ones."""

    def __init__(
        self,
        pool: EnvironmentPool,
        reloader: CodeReloader,
        listener: Listener,
        resources: SharedResources,
        *,
        preload: bool,
    ) -> None:
        """`preload` is whether the standby imports third-party modules of the function."""
        self._pool = pool
        self._reloader = reloader
        self._listener = listener
        self._resources = resources
        self._preload = preload
        # a task here owns a process until it has exited, so none is ever cancelled
        self._background = BackgroundTasks(listener.service_log)
        self._standby = WarmStandby(self._create_environment, self._background)
        self._environment_listener: EnvironmentListener | None = None
        self._load_slot = LoadSlot(LoadSlots())  # start() replaces it by one of the service's
        self._discarded = asyncio.Event()
        self._is_closed = False

    def start(
        self,
        environment_listener: EnvironmentListener,
        load_slots: LoadSlots,
        on_slot: Callable[[], None],
    ) -> None:
        """Start the first environment, now or at `on_slot`; the listener decides what runs."""
        self._environment_listener = environment_listener
        self._load_slot = LoadSlot(load_slots, on_slot)
        self.start_first()

    def start_first(self) -> None:
        """Load new code before a request needs it."""
        version = self._reloader.code_version
        if not version.code_sha256 or self._pool.count_starting(version):
            return  # the code is still being read, or is loading
        if self._is_load_unknown() and self._can_scale_out() and self._load_slot.try_acquire():
            self._add()

    def scale_out(self, invocation: Invocation | None = None) -> bool:
        """Start another environment, reserved for an invocation; return whether that is allowed."""
        if not self._can_scale_out() or (
            self._is_load_unknown() and not self._load_slot.try_acquire(has_waiter=True)
        ):
            return False
        self._add(invocation)
        return True

    @property
    def waits_for_slot(self) -> bool:
        """Whether the code of other functions is loaded first."""
        return self._load_slot.is_waiting

    def release_load_slot(self) -> None:
        """Release the load slot if the outcome of the load is known."""
        if not self._is_load_unknown():
            self._load_slot.release()

    def remember_preload(self, environment: Environment) -> None:
        """Preload in the next standby what this environment imported."""
        if self._preload and environment.next_preload:
            self._standby.set_preload(environment.next_preload)

    def prepare_standby(self) -> None:
        """Start a standby process if there is none."""
        self._standby.prepare()

    def sweep(self, now: float) -> None:
        """Enforce the limits of each environment, and shut down those that idled too long."""
        if not self._resources.debug_server:
            for environment in self._pool:
                environment.enforce_limits(now)
            self._standby.enforce_limits(now)
        for environment in self._pool.pop_idle_expired(now, IDLE_TIMEOUT_SECONDS):
            environment.shutdown()

    def discard(self, environment: Environment) -> None:
        """Forget an environment that has exited."""
        self._standby.discard(environment)
        self._pool.discard(environment)
        self._discarded.set()
        failed_preload = environment.has_preload and environment.code_version is None
        # one that could not start would fail again, without end
        is_debugged = self._resources.debug_server and environment.sandbox.is_watched
        if is_debugged or failed_preload:
            self.start_first()

    def close(self) -> None:
        """Kill every process."""
        self._is_closed = True
        self._load_slot.release()
        self._standby.shutdown()
        for environment in self._pool:
            environment.shutdown()
        self._resources.zygote_pool.close()

    async def wait_closed(self) -> None:
        """Return when every process has exited."""
        while len(self._pool) or self._standby.is_running:
            self._discarded.clear()
            await self._discarded.wait()

    def standby_memory(self) -> int:
        """Return the current memory of the standby process, in bytes."""
        return self._standby.memory()

    def _is_load_unknown(self) -> bool:
        return self._reloader.code_version.outcome is LoadOutcome.UNKNOWN

    def _can_scale_out(self) -> bool:
        # a debugger must see the end of one process before it attaches to the next
        has_debugger = self._resources.debug_server is not None
        count = len(self._pool) if has_debugger else len(self._pool.live())
        limit = self._reloader.code_version.configuration.concurrency
        return count < limit and not self._is_closed

    def _create_environment(self, preload: str = "") -> Environment:
        if self._environment_listener is None:
            message = "start() was not called"
            raise RuntimeError(message)
        return Environment(
            self._reloader.code_version.configuration,
            self._environment_listener,
            self._listener,
            self._resources,
            preload=preload,
        )

    def _add(self, invocation: Invocation | None = None) -> None:
        environment = self._standby.take(self._reloader.code_version.configuration)
        if environment is None:
            environment = self._create_environment()
            environment.reserve(invocation)
            self._pool.add(environment)
            self._background.spawn(self._spawn(environment), environment.fail_start)
            return
        self._pool.add(environment)
        if environment.lifecycle.state is State.STANDBY and not self._resources.debug_server:
            environment.start_init(self._reloader.code_version, invocation)
        else:
            environment.reserve(invocation)
            self._background.spawn(self._start_init(environment), environment.fail_start)

    async def _spawn(self, environment: Environment) -> None:
        await environment.spawn()
        await self._start_init(environment)

    async def _start_init(self, environment: Environment) -> None:
        await environment.spawned.wait()
        await environment.sandbox.wait_for_debugger()
        if environment.lifecycle.state is not State.STANDBY:
            return
        if environment.configuration == self._reloader.code_version.configuration:
            environment.start_init(self._reloader.code_version, environment.invocation)
        else:
            environment.shutdown()
