"""The metrics of a whole service, for Prometheus."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from lambda_live.telemetry.metrics import MetricsListener


class _ByFunction(Collector):
    """Labels what each function counts by the function's name, if there are several."""

    def __init__(self, functions: Mapping[str, MetricsListener]) -> None:
        self._functions = functions

    def collect(self) -> Iterator[Metric]:
        """Part of prometheus_client's protocol."""
        families: dict[str, Metric] = {}
        several = len(self._functions) > 1
        for name, metrics in self._functions.items():
            own = {"function_name": name} if several else {}
            for metric in metrics.registry.collect():
                family = families.setdefault(metric.name, _empty(metric))
                family.samples += [
                    sample._replace(labels={**own, **sample.labels}) for sample in metric.samples
                ]
        yield from families.values()

    def describe(self) -> Iterable[Metric]:
        """Part of prometheus_client's protocol: nothing is read at registration."""
        return ()


def _empty(metric: Metric) -> Metric:
    return Metric(metric.name, metric.documentation, metric.type, metric.unit)


def create_registry(functions: Mapping[str, MetricsListener]) -> CollectorRegistry:
    """Return all that is to be read; the functions may change."""
    registry = CollectorRegistry()
    registry.register(_ByFunction(functions))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry
