"""The queries of the dashboard and the alerts to Prometheus and Loki."""

from pathlib import Path
from typing import Any

from support.documents import read_document
from tests.environment.support.dashboard import Query, annotation_queries, panel_queries

STACK = Path("k8s/monitoring")


def alerts() -> list[dict[str, Any]]:
    groups = read_document((STACK / "prometheus/alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def promql() -> list[str]:
    queries = [*panel_queries(), *annotation_queries()]
    expressions = [query.expression for query in queries if query.datasource == "prometheus"]
    return expressions + [alert["expr"] for alert in alerts()]


def logql() -> list[Query]:
    queries = [*panel_queries(), *annotation_queries()]
    return [query for query in queries if query.datasource == "loki"]
