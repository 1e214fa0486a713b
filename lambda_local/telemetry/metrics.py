"""
What Prometheus may know of the function, counted as CloudWatch counts.

Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

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


class Metrics:
    """
    Names begin with `lambda_`; times are in seconds, memory is in bytes.

    `timeout` is a bucket's bound, so that no percentile of the duration is seen beyond it.
    """

    def __init__(self, timeout: float) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.invocations = Counter(
            "lambda_invocations",
            "Invocations that ran, well or badly, without throttled ones.",
            registry=registry,
        )
        self.errors = Counter(
            "lambda_errors",
            "Invocations that ended in a function error.",
            ["error_type"],
            registry=registry,
        )
        for error_type in _PLATFORM_ERRORS:
            self.errors.labels(error_type)
        self.throttles = Counter(
            "lambda_throttles", "Requests refused with 429.", registry=registry
        )
        self.duration = Histogram(
            "lambda_duration_seconds",
            "Time the handler took.",
            buckets=sorted({*_DURATION, timeout}),
            registry=registry,
        )
        self.init_duration = Histogram(
            "lambda_init_duration_seconds",
            "Time an environment took to load the handler; its count is that of cold starts.",
            buckets=_INIT,
            registry=registry,
        )
        self.reloads = Counter(
            "lambda_reloads", "Changes of the code that were loaded.", ["result"], registry=registry
        )
        for result in ("succeeded", "failed"):
            self.reloads.labels(result)
        self.async_dropped = Counter(
            "lambda_async_dropped", "Event invocations that failed at every try.", registry=registry
        )
        self._code = Gauge(
            "lambda_code_info", "The code that answers.", ["code_sha256"], registry=registry
        )

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a figure that is read when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def code(self, code_sha256: str) -> None:
        """Name the code that answers from now on."""
        self._code.clear()
        self._code.labels(code_sha256).set(1)
