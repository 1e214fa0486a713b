"""What an environment does, timed and told: an init, then one invocation after the other."""

import time
from collections.abc import Callable
from importlib.metadata import version

from lambda_live.environments.deadline import Deadline
from lambda_live.environments.sandbox import Sandbox
from lambda_live.environments.shared_resources import SharedResources
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Report
from lambda_live.telemetry.listener import Listener

_CLIENT = f"awslambdaric {version('awslambdaric')}"


class PhaseTimer:
    """Keeps the limits; whose they are is called back when one is overrun."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        sandbox: Sandbox,
        listener: Listener,
        host: SharedResources,
    ) -> None:
        self._configuration = configuration
        self._sandbox = sandbox
        self._listener = listener
        self._is_debugging = host.debug_server is not None
        self._deadline = Deadline()
        self._started = 0.0
        self._init_ms: float | None = None
        self._preload_ms = 0.0
        self._limit_seconds = 0.0

    def start_init(self, seconds: float, overran: Callable[[], None]) -> None:
        """Give the init so many seconds, and an invocation that waits for it the same ones."""
        self._started = time.monotonic()
        self._sandbox.measure_peak()  # it may be gone before anybody looks again
        if self._sandbox.invocation is None:  # else it is tried again, and has begun
            runtime = f"python:{self._configuration.interpreter.version} ({_CLIENT})"
            self._listener.on_init_start(runtime)
        self._start_deadline(seconds, overran)

    def is_init_overdue(self, ahead_ms: float) -> bool:
        """Count so many milliseconds to the init that passed ahead of it; is its limit passed?"""
        self._preload_ms = ahead_ms
        passed = time.monotonic() - self._started + ahead_ms / 1000
        return self._deadline.is_running and passed > self._limit_seconds

    def finish_init(
        self, status: str = "success", error_type: str | None = None, *, limited: bool = False
    ) -> None:
        """Tell of it; if `limited`, its limit goes on for the invocation."""
        if not limited:
            self._deadline.stop()
        init_ms = (time.monotonic() - self._started) * 1000 + self._preload_ms
        self._init_ms = init_ms if error_type is None else None
        self._sandbox.drain()
        self._sandbox.measure_peak()
        invocation = self._sandbox.invocation
        self._listener.on_init_end(InitReport(init_ms, status, error_type, invocation))

    def start_invocation(self, overran: Callable[[], None]) -> None:
        """Give it the function's timeout, or what its init has left of it."""
        if (invocation := self._sandbox.invocation) is not None:
            invocation.init_ms, self._init_ms = self._init_ms, None
            invocation.is_started = True
            self._listener.on_invocation_start(invocation)
        if not self._deadline.is_running:
            self._start_deadline(self._configuration.timeout, overran)
        self._started = time.monotonic()

    def finish_invocation(
        self, status: str, error_type: str | None = None, *, overran: bool = False
    ) -> Report:
        """Tell its last log lines; return what it took."""
        self._deadline.stop()
        seconds = self._configuration.timeout if overran else time.monotonic() - self._started
        self._sandbox.drain(last=True)
        self._sandbox.measure_peak()
        invocation = self._sandbox.invocation
        return Report(
            duration_ms=seconds * 1000,
            memory_mb=self._configuration.memory,
            max_memory_mb=self._sandbox.max_memory_mb,
            init_ms=None if invocation is None else invocation.init_ms,
            status=status,
            error_type=error_type,
        )

    def cancel(self) -> None:
        """Call nobody back any more."""
        self._deadline.stop()

    def _start_deadline(self, seconds: float, overran: Callable[[], None]) -> None:
        self._limit_seconds = seconds
        if not self._is_debugging:
            self._deadline.start(seconds, overran)
