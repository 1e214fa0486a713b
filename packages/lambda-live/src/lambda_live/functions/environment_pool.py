"""The execution environments of a function, and its warm standby."""

from collections.abc import Callable, Iterator

from lambda_live.background import BackgroundTasks
from lambda_live.environments.environment import Environment
from lambda_live.environments.lifecycle import State
from lambda_live.model.code_version import CodeVersion
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation

_STARTING_STATES = (State.SPAWNING, State.STANDBY, State.INIT)


class EnvironmentPool:
    """The environments and which of them are idle. The scaler and the dispatcher decide."""

    def __init__(self) -> None:
        self._all: set[Environment] = set()
        self._idle: list[Environment] = []

    def __iter__(self) -> Iterator[Environment]:
        return iter(list(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def add(self, environment: Environment) -> None:
        """Add an environment."""
        self._all.add(environment)

    def mark_idle(self, environment: Environment) -> None:
        """Make an environment available for the next request."""
        self._idle.append(environment)

    def has_idle_for(self, invocation: Invocation) -> bool:
        """Whether an idle environment accepts an invocation."""
        return any(each.accepts(invocation) for each in self._idle)

    def take_idle_for(self, invocation: Invocation) -> Environment | None:
        """
        Remove and return the idle environment for an invocation that was busy last.

        The others can then expire. One of the invocation's tenant is better than an unused one.
        """
        accepting = [each for each in reversed(self._idle) if each.accepts(invocation)]
        same = (each for each in accepting if each.tenant_id == invocation.tenant_id)
        environment = next(same, accepting[0] if accepting else None)
        if environment is not None:
            self._idle.remove(environment)
        return environment

    def take_longest_idle(self) -> Environment | None:
        """Remove and return the environment that was idle for the longest time."""
        return self._idle.pop(0) if self._idle else None

    @property
    def has_idle(self) -> bool:
        """Whether any environment is idle."""
        return bool(self._idle)

    def pop_idle_expired(self, now: float, limit_seconds: float) -> list[Environment]:
        """Remove and return the environments that were idle for too long; one always stays."""
        expired = [
            each for each in self._idle[:-1] if each.lifecycle.idle_seconds(now) > limit_seconds
        ]
        self._idle = [each for each in self._idle if each not in expired]
        return expired

    def outdated(self, code_version: CodeVersion) -> list[Environment]:
        """Return the environments that run another code version; they are no longer idle."""
        outdated = [each for each in self._all if each.code_version not in (None, code_version)]
        self._idle = [each for each in self._idle if each.code_version is code_version]
        return outdated

    def discard(self, environment: Environment) -> None:
        """Remove an environment that has exited."""
        self._all.discard(environment)
        if environment in self._idle:
            self._idle.remove(environment)

    def live(self) -> list[Environment]:
        """Return the environments that are not terminating."""
        return [each for each in self._all if not each.lifecycle.is_terminating]

    def count_executing(self) -> int:
        """Return how many environments have an invocation."""
        return sum(each.invocation is not None for each in self._all)

    def count_starting(self, code_version: CodeVersion) -> int:
        """Return how many environments start on that code and are not reserved for a request."""
        return sum(
            each.invocation is None
            and each.lifecycle.state in _STARTING_STATES
            and each.code_version in (None, code_version)
            for each in self._all
        )

    def max_memory(self) -> int:
        """Return the peak memory of the largest environment, in bytes."""
        return max((each.sandbox.max_memory_bytes for each in self.live()), default=0)


class WarmStandby:
    """
    At most one process that has AWS's runtime client loaded and waits for work.

    A cold start that takes it costs only the handler's own import. It also imports the third-party
    modules (`preload`) that an earlier environment imported.
    """

    def __init__(
        self, create_environment: Callable[[str], Environment], background: BackgroundTasks
    ) -> None:
        """`create_environment` gets the modules to preload."""
        self._create_environment = create_environment
        self._background = background
        self._environment: Environment | None = None
        self._preload = ""
        self._is_closed = False

    @property
    def is_running(self) -> bool:
        """Whether there is a standby process."""
        return self._environment is not None

    def take(self, configuration: FunctionConfiguration) -> Environment | None:
        """Return the standby if it is usable and was created for that configuration."""
        environment = self._environment
        if environment is None or not self._is_usable(environment):
            return None
        self._environment = None
        if environment.configuration == configuration:
            return environment
        environment.shutdown()
        return None

    @staticmethod
    def _is_usable(environment: Environment) -> bool:
        """Whether it is ready, or still preloading, which is no slower than a cold start."""
        state = environment.lifecycle.state
        return state is State.STANDBY or (state is State.SPAWNING and environment.has_preload)

    def set_preload(self, preload: str) -> None:
        """Preload these modules in the next standby."""
        self._preload = preload

    def prepare(self) -> None:
        """Start a standby if there is none."""
        if self._environment is None and not self._is_closed:
            self._environment = environment = self._create_environment(self._preload)
            # a cold start that fails for the same reason reports it
            self._background.spawn(environment.spawn(), lambda _: environment.fail_start(None))

    def memory(self) -> int:
        """Return its current memory, in bytes."""
        return 0 if self._environment is None else self._environment.sandbox.measure_resident()

    def enforce_limits(self, now: float) -> None:
        """Check its memory and time limits."""
        if self._environment is not None:
            self._environment.enforce_limits(now)

    def discard(self, environment: Environment) -> None:
        """Forget an environment that has exited; if preloading broke it, do not preload again."""
        if environment is self._environment:
            self._environment = None
            if self._preload:
                self._preload = ""
                self.prepare()
        elif environment.has_preload and environment.code_version is None:
            self._preload = ""

    def shutdown(self) -> None:
        """Kill it, and start no other."""
        self._is_closed = True
        if self._environment is not None:
            self._environment.shutdown()
