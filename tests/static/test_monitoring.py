import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.dashboard import Query, annotation_queries, dashboard, panel_queries
from tests.support.starting import StartLambda

STACK = Path("k8s/monitoring")
ALERTS = STACK / "prometheus/alerts.yaml"
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
FAILS = "def handler(event, context): raise ValueError"

# What a query may name beside the metrics of lambda_local, and where it comes from
OTHER_METRICS = {
    "ALERTS": "Prometheus: its own alerts",
    "up": "Prometheus: whether a scrape succeeded",
    "container_cpu_usage_seconds_total": "the kubelet's /metrics/resource",
    "container_memory_working_set_bytes": "the kubelet's /metrics/resource",
    "loki_distributor_lines_received_total": "Loki's /metrics",
}
OTHER_LABELS = {
    "job": "Prometheus",
    "service_name": "prometheus.yaml and collector.yaml",
    "pod": "prometheus.yaml and collector.yaml",
    "alertstate": "Prometheus, on ALERTS",
}
OF_LINUX = {"process_start_time_seconds"}  # from /proc, so not where these tests run on macOS
KEYWORDS = {"anchored", "and", "or", "unless"}


def read(path: str) -> Any:
    return yaml.safe_load((STACK / path).read_text())


def alerts() -> list[dict[str, Any]]:
    return [rule for group in read("prometheus/alerts.yaml")["groups"] for rule in group["rules"]]


def promql() -> list[str]:
    queries = [*panel_queries(), *annotation_queries()]
    asked = [query.expression for query in queries if query.datasource == "prometheus"]
    return asked + [alert["expr"] for alert in alerts()]


def logql() -> list[Query]:
    queries = [*panel_queries(), *annotation_queries()]
    return [query for query in queries if query.datasource == "loki"]


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


def program(*names: str) -> str:
    found = [path for path in map(shutil.which, names) if path]
    return found[0] if found else pytest.skip(f"{names[0]} is not installed")


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def workloads() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(STACK.glob("*/*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            if document.get("kind") in {"Deployment", "DaemonSet"}:
                yield document["metadata"]["name"], document["spec"]["template"]["spec"]


WORKLOADS = dict(workloads())


# --- the programs' own checks


def test_prometheus_accepts_its_configuration() -> None:
    run(
        program("promtool"),
        "check",
        "config",
        "--syntax-only",
        f"{STACK}/prometheus/prometheus.yaml",
    )
    run(program("promtool"), "check", "rules", str(ALERTS))


def test_each_alert_fires_and_clears_in_imagined_time() -> None:
    run(program("promtool"), "test", "rules", "tests/static/alerts.test.yaml")


def test_loki_accepts_its_configuration() -> None:
    run(program("loki"), "-verify-config", f"-config.file={STACK}/loki/loki.yaml")


def test_the_collector_accepts_its_configuration(tmp_path: Path) -> None:
    # The one directory that is there on a node alone
    here = f"yaml:extensions::file_storage::directory: {tmp_path}"
    given = f"{STACK}/collector/collector.yaml"
    run(program("otelcol-k8s", "otelcol"), "validate", f"--config={given}", f"--config={here}")


# --- what the queries name


@pytest.fixture
def exported(start_lambda: StartLambda) -> tuple[set[str], set[str]]:
    """The metrics and labels of a real lambda_local, after an invocation that failed."""
    service = start_lambda(FAILS)
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


@pytest.mark.parametrize("query", logql(), ids=str)
def test_every_label_that_logql_names_is_one_that_the_collector_sets(query: Query) -> None:
    collector = (STACK / "collector/collector.yaml").read_text()
    extracted = set(re.findall(r'(\w+)="[\w.]+"', query.expression.partition("| json")[2]))
    filtered = set(re.findall(r"[|{] *(\w+)=", query.expression)) - extracted

    assert filtered - {"service_name"} <= set(re.findall(r'attributes\["(\w+)"\]', collector))


# --- the dashboard, by the rules of grafana/dashboard-linter and a few more

PANELS = dashboard()["panels"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_panel_says_what_it_shows(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]


def test_it_tells_its_story_from_top_to_bottom() -> None:
    ordered = sorted(PANELS, key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))

    assert ordered == PANELS
    assert [panel["title"] for panel in PANELS] == [
        *("Invocations", "Error rate", "Duration p95", "Cold starts", "Throttles", "Restarts"),
        *("Invocation rate", "Errors by type", "Duration"),
        *("Init duration", "Concurrent executions", "Memory", "CPU"),
        "Recent invocations",
        "Logs",
    ]


def test_its_panels_fill_the_width_and_overlap_nowhere() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert set(cells) == {(x, y) for x in range(24) for y in range(max(y for _, y in cells) + 1)}


def test_every_query_goes_to_a_datasource_that_is_provisioned() -> None:
    sources = {source["uid"] for source in read("grafana/datasources.yaml")["datasources"]}

    assert {query.datasource for query in [*panel_queries(), *annotation_queries()]} == sources
    assert all(
        target["datasource"] == panel["datasource"]
        for panel in PANELS
        for target in panel["targets"]
    )


@pytest.mark.parametrize("expression", promql())
def test_a_count_is_exact(expression: str) -> None:
    """Prometheus extrapolates increase() and rate() unless the range is anchored."""
    counter = r"lambda_\w+_(?:total|count|sum|bucket)\b"
    counters = re.findall(counter, expression)
    exact = re.findall(
        rf"(?:increase|rate)\({counter}(?:\{{[^}}]*\}})?\[[^]]+\] anchored\)", expression
    )

    assert len(exact) == len(counters)


@pytest.mark.parametrize("query", panel_queries(), ids=str)
def test_a_query_follows_the_chosen_function_and_time(query: Query) -> None:
    assert 'service_name="$function"' in query.expression
    assert set(re.findall(r"\[([^]]*)\]", query.expression)) <= {
        "$__range",
        "$__interval",
        "$__rate_interval",
    }


def test_a_click_on_a_request_id_opens_the_logs_with_it() -> None:
    (logs,) = [panel for panel in PANELS if panel["title"] == "Logs"]
    (table,) = [panel for panel in PANELS if panel["title"] == "Recent invocations"]
    (url,) = re.findall(r'"url": "([^"]+)"', json.dumps(table))

    assert url.startswith(f"/d/{dashboard()['uid']}/")
    assert f"viewPanel=panel-{logs['id']}" in url
    assert {"var-function=${function}", "var-request_id=${__value.raw}"} <= set(
        url.partition("?")[2].split("&")
    )
    variables = {variable["name"] for variable in dashboard()["templating"]["list"]}
    assert variables == {"function", "request_id"}
    assert "$request_id" in logs["targets"][0]["expr"]


def test_it_is_not_edited_in_place_and_has_a_fixed_address() -> None:
    assert (dashboard()["uid"], dashboard()["editable"]) == ("lambda", False)
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    (source,) = [s for s in read("grafana/datasources.yaml")["datasources"] if "isDefault" in s]

    assert (
        source["jsonData"]["timeInterval"]
        == read("prometheus/prometheus.yaml")["global"]["scrape_interval"]
    )


# --- the alerts


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_happened_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert "{{" in alert["annotations"]["summary"]
    assert len(alert["annotations"]["runbook"]) > 40


@pytest.mark.parametrize("where", ["alerts.test.yaml", "../cluster/monitoring/test_alerts.py"])
def test_each_alert_is_tested_in_imagined_and_in_real_time(where: str) -> None:
    tests = (Path("tests/static") / where).read_text()

    assert [alert["alert"] for alert in alerts() if alert["alert"] not in tests] == []


# --- what the pods may do and take


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_is_bounded_and_probed(name: str) -> None:
    (container,) = WORKLOADS[name]["containers"]

    assert container["resources"]["limits"]["memory"]
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert WORKLOADS[name]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


@pytest.mark.parametrize("name", sorted(WORKLOADS.keys() - {"collector"}))
def test_a_pod_is_no_root_and_keeps_nothing_on_the_node(name: str) -> None:
    assert WORKLOADS[name]["securityContext"]["runAsNonRoot"] is True
    assert [volume for volume in WORKLOADS[name]["volumes"] if "hostPath" in volume] == []


def test_the_collector_reads_the_logs_and_writes_its_state_alone() -> None:
    pod = WORKLOADS["collector"]
    mounts = pod["containers"][0]["volumeMounts"]

    assert [mount["name"] for mount in mounts if not mount.get("readOnly")] == ["state"]
    assert {volume["name"] for volume in pod["volumes"] if "hostPath" in volume} == {
        "logs",
        "state",
    }


def test_prometheus_alone_asks_the_api_server_and_only_what_it_must() -> None:
    assert [name for name in WORKLOADS if "serviceAccountName" in WORKLOADS[name]] == ["prometheus"]
    rights = {
        (document["kind"], *rule["resources"], *rule["verbs"])
        for document in yaml.safe_load_all((STACK / "prometheus/rbac.yaml").read_text())
        for rule in document.get("rules", [])
    }
    assert rights == {
        ("Role", "pods", "get", "list", "watch"),
        ("ClusterRole", "nodes", "get", "list", "watch"),
        ("ClusterRole", "nodes/metrics", "get"),
    }


def test_versions_are_in_one_place() -> None:
    versions = {image["name"]: image["newTag"] for image in read("kustomization.yaml")["images"]}
    named = {pod["containers"][0]["image"] for pod in WORKLOADS.values()}

    assert named == versions.keys()
    assert all(re.fullmatch(r"v?\d+\.\d+\.\d+", version) for version in versions.values())


def test_promtool_is_as_old_as_prometheus() -> None:
    images = {image["name"]: image["newTag"] for image in read("kustomization.yaml")["images"]}
    tools = tomllib.loads(Path("mise.toml").read_text())["tools"]

    assert images["quay.io/prometheus/prometheus"] == f"v{tools['promtool']}"


# --- scripts/logs


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--help"], 0, "Usage: scripts/logs"),
        (["--since", "soon"], 2, "expected a number and s, m or h"),
        (["--since"], 2, "Usage: scripts/logs"),
        (["one", "two"], 2, "Usage: scripts/logs"),
        (["--nonsense"], 2, "Usage: scripts/logs"),
        ([], 1, "is tilt up running?"),
    ],
)
def test_the_script_says_what_is_wrong(arguments: list[str], status: int, said: str) -> None:
    done = subprocess.run(
        ["scripts/logs", *arguments],
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LOKI_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == status
    assert said in done.stdout + done.stderr
