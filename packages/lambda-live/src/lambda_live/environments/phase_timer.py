"""What an environment does, timed and told: an init, then one invocation after the other."""

import time
from collections.abc import Callable
from importlib.metadata import version

from lambda_live.environments.deadline import Timer
from lambda_live.environments.sandbox import Sandbox
from lambda_live.environments.shared_resources import Host
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.report import InitReport, Report
from lambda_live.telemetry.listener import Listener

_CLIENT = f"awslambdaric {version('awslambdaric')}"


class Course:
    """Keeps the limits; whose they are is called back when one is overrun."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        sandbox: Sandbox,
        listener: Listener,
        host: Host,
    ) -> None:
        self._configuration = configuration
        self._sandbox = sandbox
        self._listener = listener
        self._debug = host.debuggers is not None
        self._timer = Timer()
        self._started = 0.0
        self._init_ms: float | None = None
        self._ahead_ms = 0.0
        self._limit_seconds = 0.0

    def init_begins(self, seconds: float, overran: Callable[[], None]) -> None:
        """Give the init so many seconds, and an invocation that waits for it the same ones."""
        self._started = time.monotonic()
        self._sandbox.measure()  # it may be gone before anybody looks again
        if self._sandbox.invocation is None:  # else it is tried again, and has begun
            runtime = f"python:{self._configuration.interpreter.version} ({_CLIENT})"
            self._listener.on_init_start(runtime)
        self._limit(seconds, overran)

    def was_overrun(self, ahead_ms: float) -> bool:
        """Count so many milliseconds to the init that passed ahead of it; is its limit passed?"""
        self._ahead_ms = ahead_ms
        passed = time.monotonic() - self._started + ahead_ms / 1000
        return self._timer.runs and passed > self._limit_seconds

    def init_ends(
        self, status: str = "success", error_type: str | None = None, *, limited: bool = False
    ) -> None:
        """Tell of it; if `limited`, its limit goes on for the invocation."""
        if not limited:
            self._timer.stop()
        init_ms = (time.monotonic() - self._started) * 1000 + self._ahead_ms
        self._init_ms = init_ms if error_type is None else None
        self._sandbox.drain()
        self._sandbox.measure()
        invocation = self._sandbox.invocation
        self._listener.on_init_end(InitReport(init_ms, status, error_type, invocation))

    def invocation_begins(self, overran: Callable[[], None]) -> None:
        """Give it the function's timeout, or what its init has left of it."""
        if (invocation := self._sandbox.invocation) is not None:
            invocation.init_ms, self._init_ms = self._init_ms, None
            invocation.is_started = True
            self._listener.on_invocation_start(invocation)
        if not self._timer.runs:
            self._limit(self._configuration.timeout, overran)
        self._started = time.monotonic()

    def invocation_ends(
        self, status: str, error_type: str | None = None, *, overran: bool = False
    ) -> Report:
        """Tell its last log lines; return what it took."""
        self._timer.stop()
        seconds = self._configuration.timeout if overran else time.monotonic() - self._started
        self._sandbox.drain(last=True)
        self._sandbox.measure()
        invocation = self._sandbox.invocation
        return Report(
            duration_ms=seconds * 1000,
            memory_mb=self._configuration.memory,
            max_memory_mb=self._sandbox.max_memory_mb,
            init_ms=None if invocation is None else invocation.init_ms,
            status=status,
            error_type=error_type,
        )

    def ends(self) -> None:
        """Call nobody back any more."""
        self._timer.stop()

    def _limit(self, seconds: float, overran: Callable[[], None]) -> None:
        self._limit_seconds = seconds
        if not self._debug:
            self._timer.start(seconds, overran)
