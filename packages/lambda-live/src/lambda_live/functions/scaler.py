"""
How many execution environments a function has.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from collections.abc import Callable

from lambda_live.background import BackgroundTasks
from lambda_live.environments.environment import Environment, EnvironmentListener
from lambda_live.environments.lifecycle import State
from lambda_live.environments.sandbox import SharedResources
from lambda_live.functions.code_reloader import CodeReloader
from lambda_live.functions.environment_pool import EnvironmentPool
from lambda_live.functions.load_slots import LoadSlot, LoadSlots
from lambda_live.functions.warm_standby import WarmStandby
from lambda_live.model.code_version import LoadOutcome
from lambda_live.model.invocation import Invocation
from lambda_live.telemetry.listener import Listener

IDLE_TIMEOUT_SECONDS = 600.0
"""Seconds of idleness after which an environment is taken down; one always stays."""

SWEEP_INTERVAL_SECONDS = 0.05
"""Seconds between two looks at each environment."""


class Scaler:
    """Decides when there is another environment, and when one is too many."""

    def __init__(
        self,
        fleet: EnvironmentPool,
        reload: CodeReloader,
        listener: Listener,
        resources: SharedResources,
        *,
        preload: bool,
    ) -> None:
        self._import_ahead = preload
        self._fleet = fleet
        self._reload = reload
        self._listener = listener
        # a task here owns a process until it has exited, so it is never cancelled
        self._background = BackgroundTasks(listener.service_log)
        self._owner: EnvironmentListener | None = None
        self._host = resources
        self._standby = WarmStandby(self._create, self._background)
        self._turn = LoadSlot(LoadSlots())  # until it is one among others'
        self._closed = False

    def start(
        self, owner: EnvironmentListener, turns: LoadSlots, its_turn: Callable[[], None]
    ) -> None:
        """Have the first; the owner decides what each runs. `its_turn` may come later."""
        self._owner = owner
        self._turn = LoadSlot(turns, its_turn)
        self.start_first()

    def start_first(self) -> None:
        """Load the code before anybody asks for it, if it was not loaded yet."""
        if self._fleet.count_starting(self._reload.code_version):
            return
        if self._is_load_unknown() and self._can_scale_out() and self._turn.try_acquire():
            self._add()

    def scale_out(self, invocation: Invocation | None = None) -> bool:
        """Have one more, for that invocation if one is given; return whether there may be one."""
        if not self._can_scale_out() or (
            self._is_load_unknown() and not self._turn.try_acquire(has_waiter=True)
        ):
            return False
        self._add(invocation)
        return True

    @property
    def waits_for_slot(self) -> bool:
        """Whether other functions' code is loaded before this one's."""
        return self._turn.is_waiting

    def release_load_slot(self) -> None:
        """Let others load theirs, if it is known now how the load of the code ends."""
        if not self._is_load_unknown():
            self._turn.release()

    def remember_preload(self, environment: Environment) -> None:
        """Have the next import ahead what this one has found the function to import."""
        if self._import_ahead and environment.next_preload:
            self._standby.preload = environment.next_preload

    def prepare_standby(self) -> None:
        """Keep a process on standby."""
        if not self._closed:
            self._standby.prepare()

    def sweep(self, now: float) -> None:
        """End those that nobody has needed for long; have the others look at their limits."""
        if not self._host.debug_server:
            for environment in self._fleet:
                environment.enforce_limits(now)
            self._standby.sweep(now)
        for environment in self._fleet.pop_idle_expired(now, IDLE_TIMEOUT_SECONDS):
            environment.shutdown()

    def discard(self, environment: Environment) -> None:
        """Take it that one is gone."""
        self._standby.discard(environment)
        self._fleet.discard(environment)
        if self._host.debug_server or (
            environment.has_preload and environment.code_version is None
        ):
            self.start_first()

    def close(self) -> None:
        """End every process at once."""
        self._closed = True
        self._turn.release()
        self._standby.shutdown()
        for environment in self._fleet:
            environment.shutdown()
        self._host.zygote_pool.close()

    async def wait_closed(self) -> None:
        """Return when no process is left."""
        await self._fleet.wait_empty()
        await self._standby.wait_empty()

    def _is_load_unknown(self) -> bool:
        return self._reload.code_version.outcome is LoadOutcome.UNKNOWN

    def _can_scale_out(self) -> bool:
        # a debugger hears of the end of one process before it debugs the next
        counted = len(self._fleet) if self._host.debug_server else len(self._fleet.live())
        most = self._reload.code_version.configuration.concurrency
        return counted < most and not self._closed

    def standby_memory(self) -> int:
        """Bytes of memory that the process on standby has in use now."""
        return self._standby.memory()

    def _create(self, ahead: str = "") -> Environment:
        if self._owner is None:
            message = "nobody would own the environment"
            raise RuntimeError(message)
        configuration = self._reload.code_version.configuration
        return Environment(configuration, self._owner, self._listener, self._host, preload=ahead)

    def _add(self, invocation: Invocation | None = None) -> None:
        environment = self._standby.take(self._reload.code_version.configuration)
        if environment is not None:
            self._fleet.add(environment)
            if environment.lifecycle.state is State.STANDBY and not self._host.debug_server:
                environment.start_init(self._reload.code_version, invocation)
            else:
                environment.reserve(invocation)
                self._background.spawn(self._start(environment))
            return
        environment = self._create()
        environment.reserve(invocation)
        self._fleet.add(environment)
        self._background.spawn(self._spawn(environment))

    async def _spawn(self, environment: Environment) -> None:
        try:
            await environment.spawn()
        except OSError as error:
            environment.fail_start(error)
        await self._start(environment)

    async def _start(self, environment: Environment) -> None:
        await environment.spawned.wait()
        await environment.sandbox.wait_for_debugger()
        if environment.lifecycle.state is not State.STANDBY:
            return
        if environment.configuration == self._reload.code_version.configuration:
            environment.start_init(self._reload.code_version, environment.invocation)
        else:
            environment.shutdown()
