"""Timing of an environment's phases: one init, then one invocation after another."""

import asyncio
import time
from collections.abc import Callable
from importlib.metadata import version

from lambda_live.environments.sandbox import Sandbox
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import ImportTime, InitReport, Report
from lambda_live.telemetry.listener import Listener

_CLIENT = f"awslambdaric {version('awslambdaric')}"

_MAX_LAG_SECONDS = 0.5
"""A timeout that is noticed later than this was delayed by a stop of the service, not by load."""


class PhaseTimer:
    """Measures init and invocations, reports them, and calls `on_timeout` when one is too slow."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        sandbox: Sandbox,
        listener: Listener,
        on_timeout: Callable[[], None],
    ) -> None:
        self._configuration = configuration
        self._sandbox = sandbox
        self._listener = listener
        self._on_timeout = on_timeout
        self._timeout: asyncio.TimerHandle | None = None
        self._timeout_seconds = 0.0
        self._due_at = 0.0
        self._started_at = 0.0
        self._init_ms: float | None = None
        self._preload_ms = 0.0

    def start_init(self, timeout: float) -> None:
        """Start the init and its timeout. An invocation that waits for it shares that timeout."""
        self._started_at = time.monotonic()
        self._sandbox.measure_peak()  # the process may exit before the next measurement
        if self._sandbox.invocation is None:  # a retried init was already reported
            runtime = f"python:{self._configuration.interpreter.version} ({_CLIENT})"
            self._listener.on_init_start(runtime)
        self._start_timeout(timeout)

    def is_init_overdue(self, preload_ms: float) -> bool:
        """Add the preloading time to the init; return whether the total exceeds the timeout."""
        self._preload_ms = preload_ms
        if self._timeout is None or self._lag() > _MAX_LAG_SECONDS:
            return False
        elapsed = time.monotonic() - self._started_at + preload_ms / 1000
        return elapsed > self._timeout_seconds

    def finish_init(
        self,
        status: str = "success",
        error_type: str | None = None,
        *,
        keep_timeout: bool = False,
        imports: tuple[ImportTime, ...] = (),
    ) -> None:
        """Report the init. With `keep_timeout`, its timeout continues for the invocation."""
        if not keep_timeout:
            self.cancel_timeout()
        init_ms = (time.monotonic() - self._started_at) * 1000 + self._preload_ms
        self._init_ms = init_ms if error_type is None else None
        self._sandbox.drain()
        self._sandbox.measure_peak()
        invocation = self._sandbox.invocation
        memory = self._sandbox.max_memory_mb
        report = InitReport(init_ms, status, error_type, invocation, imports, memory)
        self._listener.on_init_end(report)

    def start_invocation(self) -> None:
        """Start the function's timeout, or continue with the rest of the init's."""
        if (invocation := self._sandbox.invocation) is not None:
            invocation.init_ms, self._init_ms = self._init_ms, None
            invocation.is_started = True
            self._listener.on_invocation_start(invocation)
        if self._timeout is None:
            self._start_timeout(self._configuration.timeout)
        self._started_at = time.monotonic()

    def finish_invocation(
        self, status: str, error_type: str | None = None, *, timed_out: bool = False
    ) -> Report:
        """Emit the last log lines, and return the report."""
        self.cancel_timeout()
        seconds = self._configuration.timeout if timed_out else time.monotonic() - self._started_at
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

    def cancel_timeout(self) -> None:
        """Stop the running timeout, if there is one."""
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    def _start_timeout(self, seconds: float) -> None:
        self._timeout_seconds = seconds
        if not self._sandbox.has_debugger:  # a breakpoint may stop the code for any time
            self.cancel_timeout()
            loop = asyncio.get_running_loop()
            self._due_at = loop.time() + seconds
            self._timeout = loop.call_at(self._due_at, self._on_due)

    def _lag(self) -> float:
        """Return by how many seconds the timeout is overdue, because the service was stopped."""
        return asyncio.get_running_loop().time() - self._due_at

    def _on_due(self) -> None:
        """
        Time out, unless the service itself was stopped meanwhile.

        After SIGCONT the results that arrived are still unread, and the function may have waited
        for the service. It gets the time that the service was stopped.
        """
        lag = self._lag()
        if lag <= _MAX_LAG_SECONDS:
            self._on_timeout()
            return
        loop = asyncio.get_running_loop()
        self._due_at = loop.time() + min(lag, self._timeout_seconds)
        self._timeout = loop.call_at(self._due_at, self._on_due)
