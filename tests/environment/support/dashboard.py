"""The dashboard's queries, with their variables filled in like Grafana does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from support.project import REPOSITORY

FILE = REPOSITORY / "k8s/monitoring/grafana/lambda.json"


@dataclass(frozen=True)
class Range:
    """A time range, in seconds since 1970, and the distance of the points on a graph of it."""

    start: float
    end: float

    @property
    def span(self) -> int:
        return round(self.end - self.start)

    @property
    def step(self) -> int:
        return max(10, self.span // 300)


@dataclass(frozen=True)
class Query:
    """A query of a panel or an annotation to a datasource."""

    title: str
    ref: str
    datasource: str
    expression: str
    instant: bool

    def __str__(self) -> str:
        return f"{self.title} {self.ref}"

    def filled_in(self, time: Range, **variables: str) -> str:
        """Return the expression that Grafana would send for the only function of a service."""
        builtin = {
            "__range": f"{time.span}s",
            "__interval": f"{time.step}s",
            "__rate_interval": f"{max(60, 4 * time.step)}s",
        }
        service = {"service": variables["function"]} if "function" in variables else {}
        text = self.expression
        for name, value in (builtin | service | variables).items():
            text = text.replace(f"${name}", value)
        return text


def dashboard() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def panel_queries() -> list[Query]:
    return [
        Query(
            panel["title"],
            target["refId"],
            panel["datasource"]["uid"],
            target["expr"],
            "instant" in target,
        )
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    ]


def annotation_queries() -> Iterator[Query]:
    for annotation in dashboard()["annotations"]["list"]:
        source = annotation["datasource"]["uid"]
        yield Query(annotation["name"], "A", source, annotation["expr"], instant=False)


def query(title: str) -> Query:
    """Return the one query of a panel."""
    (found,) = [query for query in panel_queries() if query.title == title]
    return found
