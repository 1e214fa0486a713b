"""
Metrics for Prometheus, counted like CloudWatch's metrics.

Names begin with `lambda_`. Times are in seconds, memory is in bytes.

Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Protocol, override

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.telemetry.listener import Listener

_DURATION_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
_INIT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_PLATFORM_ERRORS = (
    "Function.ResponseSizeTooLarge",
    "Runtime.ExitError",
    "Runtime.ImportModuleError",
    "Runtime.OutOfMemory",
    "Runtime.UserCodeSyntaxError",
    "Sandbox.Timedout",
)
_EXEMPLAR_INTERVAL_SECONDS = 1
_MAX_ERROR_TYPES = 50
"""Each error type is a time series. A function chooses the names, so their number is limited."""

_OTHER_ERROR_TYPE = "other"


class StatsSource(Protocol):
    """The figures of a function that are read at each scrape."""

    @property
    def configuration(self) -> FunctionConfiguration:
        """The configuration of the current code."""

    def executing(self) -> int:
        """Return the number of running invocations."""

    def waiting(self) -> int:
        """Return the number of requests that wait for an environment."""

    def environments(self) -> int:
        """Return the number of environments."""

    def max_memory(self) -> int:
        """Return the peak memory of the largest environment, in bytes."""

    def standby_memory(self) -> int:
        """Return the current memory of the warm standby process, in bytes."""


class MetricsListener(Listener):
    """
    The metrics of one function.

    The timeout is a bucket's bound, so that no percentile of the duration lies above it.
    """

    def __init__(self, timeout: float) -> None:
        self.registry = registry = CollectorRegistry()
        counter, histogram = (
            partial(Counter, registry=registry),
            partial(Histogram, registry=registry),
        )
        self._invocations = counter(
            "lambda_invocations",
            "Invocations that ran, successful or not. Throttled requests are not counted.",
        )
        self._errors = counter(
            "lambda_errors", "Invocations that returned a function error.", ["error_type"]
        )
        self._throttles = counter("lambda_throttles", "Requests rejected with 429.")
        self._duration = histogram(
            "lambda_duration_seconds",
            "Duration of the handler.",
            buckets=sorted({*_DURATION_BUCKETS, timeout}),
        )
        self._init_duration = histogram(
            "lambda_init_duration_seconds",
            "Time to load the handler. The count is the number of cold starts.",
            buckets=_INIT_BUCKETS,
        )
        self._reloads = counter("lambda_reloads", "Code changes that were loaded.", ["result"])
        self._reload_duration = histogram(
            "lambda_reload_duration_seconds",
            "Time from a save until the code was loaded.",
            buckets=_INIT_BUCKETS,
        )
        self._async_dropped = counter(
            "lambda_async_dropped", "Asynchronous invocations that failed at every retry."
        )
        self._code = Gauge(
            "lambda_code_info",
            "The code that new requests get.",
            ["code_sha256"],
            registry=registry,
        )
        self._last_exemplar = (0.0, 0.0)  # monotonic time, and duration of its invocation
        self._error_types = set(_PLATFORM_ERRORS)
        for error_type in _PLATFORM_ERRORS:
            self._errors.labels(error_type)
        for result in ("succeeded", "failed"):
            self._reloads.labels(result)

    def watch(self, stats: StatsSource) -> None:
        """Add the figures that are read at each scrape."""
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "lambda_concurrent_executions": ("Running invocations.", stats.executing),
            "lambda_queue_length": ("Requests that wait for an environment.", stats.waiting),
            "lambda_environments": ("Execution environments.", stats.environments),
            "lambda_max_memory_used_bytes": (
                "Peak memory of the largest environment.",
                stats.max_memory,
            ),
            "lambda_standby_memory_bytes": (
                "Memory of the warm standby process, including its preloaded modules.",
                stats.standby_memory,
            ),
            "lambda_memory_size_bytes": (
                "Memory limit of one environment.",
                lambda: stats.configuration.memory * 2**20,
            ),
            "lambda_timeout_seconds": (
                "Timeout of an invocation.",
                lambda: stats.configuration.timeout,
            ),
        }
        for name, (text, value) in gauges.items():
            Gauge(name, text, registry=self.registry).set_function(value)

    @override
    def on_code_change(self, code_sha256: str) -> None:
        self._code.clear()
        self._code.labels(code_sha256).set(1)

    @override
    def on_code_load(self, load: CodeLoad) -> None:
        if not load.is_first:
            self._reloads.labels("succeeded" if load.error is None else "failed").inc()
            if load.error is None and load.elapsed_ms is not None:
                self._reload_duration.observe(load.elapsed_ms / 1000)

    @override
    def on_init_end(self, report: InitReport) -> None:
        if report.error_type is None:
            self._init_duration.observe(report.init_ms / 1000)

    @override
    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        self._invocations.inc()
        seconds = report.duration_ms / 1000
        self._duration.observe(seconds, self._exemplar(invocation, seconds))
        if result.error_type is not None:
            self._errors.labels(self._error_label(result.error_type)).inc()

    def _error_label(self, error_type: str) -> str:
        if error_type not in self._error_types:
            if len(self._error_types) >= _MAX_ERROR_TYPES:
                return _OTHER_ERROR_TYPE
            self._error_types.add(error_type)
        return error_type

    def _exemplar(self, invocation: Invocation, seconds: float) -> dict[str, str] | None:
        """
        Return an exemplar for one invocation a second, and for each slower one.

        Prometheus stores one exemplar for each bucket and scrape. One for each invocation would
        slow down all of them.
        """
        now = time.monotonic()
        at, longest = self._last_exemplar
        if seconds <= longest and now < at + _EXEMPLAR_INTERVAL_SECONDS:
            return None
        self._last_exemplar = (now, seconds)
        return {"request_id": invocation.request_id}

    @override
    def on_throttle(self) -> None:
        self._throttles.inc()

    @override
    def on_event_dropped(self, invocation: Invocation, result: Result) -> None:
        self._async_dropped.inc()


class _FunctionCollector(Collector):
    """Collects the metrics of all functions. With more than one, each has a function_name label."""

    def __init__(self, functions: Mapping[str, MetricsListener]) -> None:
        self._functions = functions

    @override
    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        multiple = len(self._functions) > 1
        for name, metrics in self._functions.items():
            labels = {"function_name": name} if multiple else {}
            for metric in metrics.registry.collect():
                empty = Metric(metric.name, metric.documentation, metric.type, metric.unit)
                family = families.setdefault(metric.name, empty)
                family.samples += [
                    sample._replace(labels={**labels, **sample.labels}) for sample in metric.samples
                ]
        yield from families.values()

    def describe(self) -> Iterable[Metric]:
        """Return no metrics, so that registering this collector does not collect them."""
        return ()


def create_registry(functions: Mapping[str, MetricsListener]) -> CollectorRegistry:
    """Return a registry with the metrics of all functions and of the process."""
    registry = CollectorRegistry()
    registry.register(_FunctionCollector(functions))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry
