"""
What Prometheus may know of the function, counted as CloudWatch counts.

Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

import time
from collections.abc import Callable
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
)

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.listener import Listener

_DURATION = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_INIT = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_PLATFORM_ERRORS = (
    "Function.ResponseSizeTooLarge",
    "Runtime.ExitError",
    "Runtime.ImportModuleError",
    "Runtime.OutOfMemory",
    "Runtime.UserCodeSyntaxError",
    "Sandbox.Timedout",
)


class StatsSource(Protocol):
    """What is read of a function when it is asked for."""

    @property
    def configuration(self) -> FunctionConfiguration:
        """What it is run with."""

    def executing(self) -> int:
        """How many invocations are under way."""

    def waiting(self) -> int:
        """How many requests wait for an environment."""

    def environments(self) -> int:
        """How many environments there are."""

    def max_memory(self) -> int:
        """Bytes of memory that the largest environment had in use at most."""

    def standby_memory(self) -> int:
        """Bytes of memory that the process on standby has in use now."""


class MetricsListener(Listener):
    """
    Those of one function. Names begin with `lambda_`; times are in seconds, memory is in bytes.

    `timeout` is a bucket's bound, so that no percentile of the duration is seen beyond it.
    """

    def __init__(self, timeout: float) -> None:
        self.registry = registry = CollectorRegistry()
        self._invocations = Counter(
            "lambda_invocations",
            "Invocations that ran, well or badly, without throttled ones.",
            registry=registry,
        )
        self._errors = Counter(
            "lambda_errors",
            "Invocations that ended in a function error.",
            ["error_type"],
            registry=registry,
        )
        for error_type in _PLATFORM_ERRORS:
            self._errors.labels(error_type)
        self._throttles = Counter(
            "lambda_throttles", "Requests refused with 429.", registry=registry
        )
        self._duration = Histogram(
            "lambda_duration_seconds",
            "Time the handler took.",
            buckets=sorted({*_DURATION, timeout}),
            registry=registry,
        )
        self._init_duration = Histogram(
            "lambda_init_duration_seconds",
            "Time an environment took to load the handler; its count is that of cold starts.",
            buckets=_INIT,
            registry=registry,
        )
        self._reloads = Counter(
            "lambda_reloads", "Changes of the code that were loaded.", ["result"], registry=registry
        )
        for result in ("succeeded", "failed"):
            self._reloads.labels(result)
        self._async_dropped = Counter(
            "lambda_async_dropped", "Event invocations that failed at every try.", registry=registry
        )
        self._named = (0.0, 0.0)  # when an invocation was last named, and how long it took
        self._code = Gauge(
            "lambda_code_info", "The code that answers.", ["code_sha256"], registry=registry
        )

    def watch(self, figures: StatsSource) -> None:
        """Add the figures that are read when they are asked for."""
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "lambda_concurrent_executions": ("Invocations under way.", figures.executing),
            "lambda_queue_length": ("Requests that wait for an environment.", figures.waiting),
            "lambda_environments": ("Execution environments.", figures.environments),
            "lambda_max_memory_used_bytes": (
                "Memory that the largest environment had in use at most.",
                figures.max_memory,
            ),
            "lambda_standby_memory_bytes": (
                "Memory that the process on standby has in use, with what it imported ahead.",
                figures.standby_memory,
            ),
            "lambda_memory_size_bytes": (
                "Memory that one environment may use.",
                lambda: figures.configuration.memory * 2**20,
            ),
            "lambda_timeout_seconds": (
                "Time that an invocation may take.",
                lambda: figures.configuration.timeout,
            ),
        }
        for name, (text, value) in gauges.items():
            Gauge(name, text, registry=self.registry).set_function(value)

    def on_code_change(self, code_sha256: str) -> None:
        """Name the code that answers from now on."""
        self._code.clear()
        self._code.labels(code_sha256).set(1)

    def on_code_load(self, load: CodeLoad) -> None:
        """Count a reload."""
        if not load.is_first:
            self._reloads.labels("succeeded" if load.error is None else "failed").inc()

    def on_init_end(self, report: InitReport) -> None:
        """Count a cold start."""
        if report.error_type is None:
            self._init_duration.observe(report.init_ms / 1000)

    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        """Count an invocation."""
        self._invocations.inc()
        seconds = report.duration_ms / 1000
        self._duration.observe(seconds, self._exemplar(invocation, seconds))
        if result.error_type is not None:
            self._errors.labels(result.error_type).inc()

    def _exemplar(self, invocation: Invocation, seconds: float) -> dict[str, str] | None:
        """
        Name one invocation each second, and each that took longer than that one.

        Prometheus keeps one for each bucket and scrape; to name all would cost each its time.
        """
        now = time.monotonic()
        at, longest = self._named
        if seconds <= longest and now < at + 1:
            return None
        self._named = (now, seconds)
        return {"request_id": invocation.request_id}

    def on_throttle(self) -> None:
        """Count a request that was refused."""
        self._throttles.inc()

    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:  # noqa: ARG002  # a listener's
        """Count an event that failed at every try."""
        self._async_dropped.inc()
