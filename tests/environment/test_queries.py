"""What the dashboard and the alerts ask for is what a real service tells."""

import json
import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from support.starting import StartLambda
from tests.environment.support.queries import logql, promql

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
FAILS = "def handler(event, context): raise ValueError"

# What a query may name beside the metrics of lambda_live, and where it comes from
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
    "function_name": "exposition.py if there are several functions, else prometheus.yaml",
    "service_name": "prometheus.yaml and collector.yaml",
    "pod": "prometheus.yaml and collector.yaml",
    "alertstate": "Prometheus, on ALERTS",
}
OF_LINUX = {"process_start_time_seconds"}  # from /proc, so not where these tests run on macOS
KEYWORDS = {"anchored", "and", "or", "unless"}


def names(expression: str) -> tuple[set[str], set[str]]:
    """Return the metrics and the labels that PromQL names."""
    text = re.sub(r'"[^"]*"', '""', expression)
    listed = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", text)
    matched = re.findall(r"\{([^}]*)\}", text)
    labels = {label for part in listed for label in re.findall(r"\w+", part)}
    labels |= {label for part in matched for label in re.findall(r"(\w+)\s*[=!]", part)}
    rest = re.sub(r"\b(?:by|on)\s*\([^)]*\)|\{[^}]*\}|\[[^]]*\]", " ", text)
    metrics = set(re.findall(r"\b[a-zA-Z_]\w*\b(?!\s*\()", rest)) - KEYWORDS
    return metrics, labels


@pytest.fixture(scope="module")
def exported(start_module_lambda: StartLambda) -> tuple[set[str], set[str]]:
    """The metrics and labels of a real lambda_live, after an invocation that failed."""
    service = start_module_lambda(FAILS)
    service.invoke()
    text = service.admin("/metrics", OPENMETRICS).body.decode()
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    samples = [sample for family in families for sample in family.samples]
    return {s.name for s in samples}, {label for s in samples for label in s.labels}


def test_every_metric_that_a_query_names_is_exported(exported: tuple[set[str], set[str]]) -> None:
    named = {metric for expression in promql() for metric in names(expression)[0]}

    assert named - exported[0] - OF_LINUX == set(OTHER_METRICS)


def test_every_label_that_a_query_names_is_exported(exported: tuple[set[str], set[str]]) -> None:
    named = {label for expression in promql() for label in names(expression)[1]}

    assert named - exported[1] == set(OTHER_LABELS)


def test_a_counter_says_when_it_began(exported: tuple[set[str], set[str]]) -> None:
    counters = {metric for metric in exported[0] if metric.endswith("_total")}
    mine = {metric for metric in counters if metric.startswith("lambda_")}

    assert {metric.replace("_total", "_created") for metric in mine} <= exported[0]


def test_the_table_reads_what_a_report_has(start_lambda: StartLambda) -> None:
    service = start_lambda(FAILS, AWS_LAMBDA_LOG_FORMAT="JSON")
    service.invoke()
    report = json.loads(service.wait_for_line("platform.report"))
    (table,) = [query for query in logql() if query.title == "Recent invocations"]

    for path in re.findall(r'\w+="(record\.[\w.]+)"', table.expression):
        value = report
        for key in path.split("."):
            value = value[key]
        assert value is not None, path
