"""The metrics and labels in dashboard and alerts exist in a real service."""

import json
import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from support.service_starter import StartService
from tests.environment.support.queries import logql, promql

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
FAILS = "def handler(event, context): raise ValueError"

# Metrics and labels of other sources
OTHER_METRICS = {
    "ALERTS": "Prometheus: its own alerts",
    "up": "Prometheus: whether a scrape succeeded",
    "container_cpu_usage_seconds_total": "the kubelet's /metrics/resource",
    "container_memory_working_set_bytes": "the kubelet's /metrics/resource",
    "loki_distributor_lines_received_total": "Loki's /metrics",
    "loki_ingester_wal_disk_full_failures_total": "Loki's /metrics",
}
OTHER_LABELS = {
    "job": "Prometheus",
    "function_name": "metrics.py if there is more than one function, else prometheus.yaml",
    "service_name": "prometheus.yaml and collector.yaml",
    "pod": "prometheus.yaml and collector.yaml",
    "alertstate": "Prometheus, on ALERTS",
}
LINUX_ONLY = {"process_start_time_seconds"}  # read from /proc
KEYWORDS = {"anchored", "and", "or", "unless"}


def names(expression: str) -> tuple[set[str], set[str]]:
    """Return the metrics and labels in a PromQL expression."""
    text = re.sub(r'"[^"]*"', '""', expression)
    listed = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", text)
    matched = re.findall(r"\{([^}]*)\}", text)
    labels = {label for part in listed for label in re.findall(r"\w+", part)}
    labels |= {label for part in matched for label in re.findall(r"(\w+)\s*[=!]", part)}
    rest = re.sub(r"\b(?:by|on)\s*\([^)]*\)|\{[^}]*\}|\[[^]]*\]", " ", text)
    metrics = set(re.findall(r"\b[a-zA-Z_]\w*\b(?!\s*\()", rest)) - KEYWORDS
    return metrics, labels


@pytest.fixture(scope="module")
def exported(start_module_service: StartService) -> tuple[set[str], set[str]]:
    """The metrics and labels of a running service after a failed invocation."""
    service = start_module_service(FAILS)
    service.invoke()
    text = service.admin("/metrics", OPENMETRICS).body.decode()
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    samples = [sample for family in families for sample in family.samples]
    return {s.name for s in samples}, {label for s in samples for label in s.labels}


def test_metrics_in_queries_are_exported(exported: tuple[set[str], set[str]]) -> None:
    named = {metric for expression in promql() for metric in names(expression)[0]}

    assert named - exported[0] - LINUX_ONLY == set(OTHER_METRICS)


def test_labels_in_queries_are_exported(exported: tuple[set[str], set[str]]) -> None:
    named = {label for expression in promql() for label in names(expression)[1]}

    assert named - exported[1] == set(OTHER_LABELS)


def test_counters_have_created_timestamps(exported: tuple[set[str], set[str]]) -> None:
    counters = {metric for metric in exported[0] if metric.endswith("_total")}
    mine = {metric for metric in counters if metric.startswith("lambda_")}

    assert {metric.replace("_total", "_created") for metric in mine} <= exported[0]


def test_invocations_table_reads_fields_of_report(start_service: StartService) -> None:
    service = start_service(FAILS, AWS_LAMBDA_LOG_FORMAT="JSON")
    service.invoke()
    report = json.loads(service.wait_for_line("platform.report"))
    (table,) = [query for query in logql() if query.title == "Recent invocations"]

    for path in re.findall(r'\w+="(record\.[\w.]+)"', table.expression):
        value = report
        for key in path.split("."):
            value = value[key]
        assert value is not None, path
