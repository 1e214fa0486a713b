"""Loki, Prometheus and a function, reached through the Kubernetes API server."""

import json
import math
import re
import subprocess
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.http import HttpResponse, request
from support.waiting import wait_until
from tests.environment.support.dashboard import Query, Range

CONTEXT = "k3d-lambda-dev"
SUBJECT = "subject"
MANIFESTS = Path(__file__).parent / "subject"
POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: lambda}}
spec:
  securityContext: {{runAsNonRoot: true, runAsUser: 1000, seccompProfile: {{type: RuntimeDefault}}}}
  containers:
    - name: {name}
      image: {image}
      command: [python, -uc, {program}]
      ports: [{{name: admin, containerPort: 9101}}]
      securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
"""


def kubectl(*args: str, stdin: str | None = None) -> str:
    return subprocess.run(
        ["kubectl", "--context", CONTEXT, *args],
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@contextmanager
def python_pod(name: str, program: str) -> Iterator[None]:
    """Run a Python program in a pod of its own, beside the function."""
    image = kubectl(
        *("-n", "lambda", "get", "deployment", SUBJECT),
        *("-o", "jsonpath={.spec.template.spec.containers[0].image}"),
    )
    manifest = POD.format(name=name, image=image, program=json.dumps(program))
    kubectl("apply", "-f", "-", stdin=manifest)
    try:
        yield
    finally:
        kubectl("-n", "lambda", "delete", "pod", name, "--ignore-not-found", "--grace-period=1")


@dataclass(frozen=True)
class Line:
    """A log line with its labels and structured metadata."""

    text: str
    labels: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Series:
    """A time series: its labels and its values."""

    labels: dict[str, str]
    values: list[float]


class Stack:
    """Reaches the services by `proxy`, the URL of a `kubectl proxy`, which outlives every pod."""

    def __init__(self, proxy: str) -> None:
        self._proxy = proxy

    def url(self, namespace: str, service: str) -> str:
        return f"{self._proxy}/api/v1/namespaces/{namespace}/services/{service}:http/proxy"

    def invoke(self, event: object = None) -> HttpResponse:
        return self.invoke_text(json.dumps(event or {}), SUBJECT)

    def invoke_text(self, event: str, function: str) -> HttpResponse:
        path = f"/2015-03-31/functions/{function}/invocations"

        def served() -> HttpResponse | None:
            response = self._request("POST", self.url("lambda", function) + path, event)
            return None if b"no endpoints available" in response.body else response

        return wait_until(served, f"an endpoint of {function}", 60)  # a new pod needs a moment

    def invoke_many(self, events: list[dict[str, Any]], at_once: int = 1) -> list[HttpResponse]:
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.invoke, events))

    def logs(self, query: str, time: Range | None = None) -> list[Line]:
        """Return the lines that LogQL selects, oldest first; by default those of the last hour."""
        limits = {"start": f"{time.start:.3f}", "end": f"{time.end:.3f}"} if time else {}
        response = self._query(
            "loki", "/loki/api/v1/query_range", query=query, limit="5000", **limits
        )
        lines = [
            (int(at), Line(text, stream["stream"]))
            for stream in response["result"]
            for at, text in stream["values"]
        ]
        return [line for _, line in sorted(lines, key=lambda line: line[0])]

    def count_logs(self, query: str) -> int:
        """Return the current value of a LogQL count."""
        response = self._query("loki", "/loki/api/v1/query", query=query)
        return int(response["result"][0]["value"][1]) if response["result"] else 0

    def metrics(self, query: str, time: Range | None = None) -> list[Series]:
        """Return the series that PromQL selects, over a range or now."""
        if time is None:
            response = self._query("prometheus", "/api/v1/query", query=query)
            return [Series(one["metric"], [float(one["value"][1])]) for one in response["result"]]
        limits = {"start": f"{time.start:.3f}", "end": f"{time.end:.3f}", "step": f"{time.step}"}
        response = self._query("prometheus", "/api/v1/query_range", query=query, **limits)
        return [
            Series(one["metric"], [float(value) for _, value in one["values"]])
            for one in response["result"]
        ]

    def exemplars(self, query: str, time: Range) -> list[dict[str, str]]:
        """Return the labels of each exemplar of the series that PromQL selects."""
        limits = {"start": f"{time.start:.3f}", "end": f"{time.end:.3f}"}
        response = self._query("prometheus", "/api/v1/query_exemplars", query=query, **limits)
        return [exemplar["labels"] for series in response for exemplar in series["exemplars"]]

    def metric(self, query: str) -> float:
        """Return the value of the only series that PromQL selects."""
        (series,) = self.metrics(query)
        return series.values[0]

    def stat(self, query: Query, since: float, function: str = SUBJECT) -> float:
        """Return the number that a stat panel shows for the time from `since` to now."""
        time = Range(since, since + math.ceil(self.now() - since))  # whole seconds, like Grafana
        at = {"query": query.filled_in(time, function=function), "time": f"{time.end:.3f}"}
        (series,) = self._query("prometheus", "/api/v1/query", **at)["result"]
        return float(series["value"][1])

    def now(self) -> float:
        """Return the cluster's time."""
        return float(self._query("prometheus", "/api/v1/query", query="time()")["result"][1])

    def wait_until_scraped(self, function: str = SUBJECT) -> None:
        """Wait until Prometheus has scraped the function again."""
        now = self.now()
        scraped = f'min(timestamp(lambda_invocations_total{{service_name="{function}"}})) > {now}'
        wait_until(lambda: self.metrics(scraped), f"a scrape of {function} after {now}", 60)

    def firing(self, alert: str, function: str = SUBJECT) -> bool:
        """Return whether an alert fires for a function, or for the service that runs only it."""
        alerts = f'ALERTS{{alertname="{alert}", alertstate="firing", %s="{function}"}}'
        return bool(self.metrics(f"{alerts % 'function_name'} or {alerts % 'service_name'}"))

    def _query(self, service: str, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        response = self._request("GET", f"{self.url('monitoring', service)}{path}?{query}")
        assert response.status == 200, response
        return response.json()["data"]

    def _request(self, method: str, url: str, body: str | None = None) -> HttpResponse:
        path = url.removeprefix(self._proxy)
        return request(self._proxy, method, path, None if body is None else body.encode())


@contextmanager
def connected() -> Iterator[Stack]:
    command = ["kubectl", "--context", CONTEXT, "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            address = re.search(r"[\d.]+:\d+", proxy.stdout.readline())
            assert address
            yield Stack(f"http://{address[0]}")
        finally:
            proxy.terminate()


@contextmanager
def deployed_subject() -> Iterator[str]:
    """Run a function that only the tests invoke (subject/handler.py)."""
    image = kubectl(
        *("-n", "lambda", "get", "deployment", "function"),
        *("-o", "jsonpath={.spec.template.spec.containers[0].image}"),
    )
    manifests = kubectl("kustomize", str(MANIFESTS))
    manifests = manifests.replace("image: lambda-function", f"image: {image}")
    kubectl("apply", "-f", "-", stdin=manifests)
    try:
        kubectl("-n", "lambda", "rollout", "status", "deployment", SUBJECT, "--timeout=60s")
        yield SUBJECT
    finally:
        kubectl("delete", "-f", "-", stdin=manifests)
