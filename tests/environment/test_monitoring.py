import configparser
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.documents import read_document, read_documents
from tests.environment.support.dashboard import Query, annotation_queries, dashboard, panel_queries
from tests.environment.support.queries import STACK, alerts, logql, promql

ALERTS = STACK / "prometheus/alerts.yaml"


def read(path: str) -> Any:
    return read_document((STACK / path).read_text())


def program(*names: str) -> str:
    found = [path for path in map(shutil.which, names) if path]
    return found[0] if found else pytest.skip(f"{names[0]} is not installed")


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def workloads() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(STACK.glob("*/*.yaml")):
        for document in read_documents(path.read_text()):
            if document.get("kind") in {"Deployment", "DaemonSet"}:
                yield document["metadata"]["name"], document["spec"]["template"]["spec"]


WORKLOADS = dict(workloads())


# --- the programs' validation commands


def test_prometheus_configuration_is_valid() -> None:
    run(
        program("promtool"),
        "check",
        "config",
        "--syntax-only",
        f"{STACK}/prometheus/prometheus.yaml",
    )
    run(program("promtool"), "check", "rules", str(ALERTS))


def test_alerts_fire_and_clear_in_simulated_time() -> None:
    run(program("promtool"), "test", "rules", "tests/environment/alerts.test.yaml")


def test_loki_configuration_is_valid() -> None:
    run(program("loki"), "-verify-config", f"-config.file={STACK}/loki/loki.yaml")


def test_collector_configuration_is_valid(tmp_path: Path) -> None:
    # the configured directory exists on a node only
    override = f"yaml:extensions::file_storage::directory: {tmp_path}"
    config = f"{STACK}/collector/collector.yaml"
    run(program("otelcol-k8s", "otelcol"), "validate", f"--config={config}", f"--config={override}")


# --- labels in queries


@pytest.mark.parametrize("query", logql(), ids=str)
def test_logql_labels_are_set_by_collector(query: Query) -> None:
    collector = (STACK / "collector/collector.yaml").read_text()
    extracted = set(re.findall(r'(\w+)="[\w.]+"', query.expression.partition("| json")[2]))
    filtered = set(re.findall(r"[|{] *(\w+)=", query.expression)) - extracted

    assert filtered - {"service_name"} <= set(re.findall(r'attributes\["(\w+)"\]', collector))


# --- the dashboard, by the rules of grafana/dashboard-linter and more

PANELS = dashboard()["panels"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_panel_has_title_description_unit_and_query(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]


def test_panels_are_in_reading_order() -> None:
    ordered = sorted(PANELS, key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))

    assert ordered == PANELS
    assert [panel["title"] for panel in PANELS] == [
        *("Invocations", "Error rate", "Duration p95", "Cold starts", "Throttles", "Restarts"),
        *("Invocation rate", "Errors by type", "Duration"),
        *("Init duration", "Concurrent executions", "Memory", "CPU"),
        "Recent invocations",
        "Logs",
    ]


def test_panels_fill_width_without_overlap() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in PANELS)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert len(cells) == len(set(cells))
    assert set(cells) == {(x, y) for x in range(24) for y in range(max(y for _, y in cells) + 1)}


def test_queries_use_provisioned_datasources() -> None:
    sources = {source["uid"] for source in read("grafana/datasources.yaml")["datasources"]}

    assert {query.datasource for query in [*panel_queries(), *annotation_queries()]} == sources
    assert all(
        target["datasource"] == panel["datasource"]
        for panel in PANELS
        for target in panel["targets"]
    )


@pytest.mark.parametrize("expression", promql())
def test_counter_ranges_are_anchored(expression: str) -> None:
    """Without `anchored`, Prometheus extrapolates increase() and rate()."""
    counter = r"lambda_\w+_(?:total|count|sum|bucket)\b"
    counters = re.findall(counter, expression)
    exact = re.findall(
        rf"(?:increase|rate)\({counter}(?:\{{[^}}]*\}})?\[[^]]+\] anchored\)", expression
    )

    assert len(exact) == len(counters)


@pytest.mark.parametrize("query", panel_queries(), ids=str)
def test_query_uses_selected_function_and_time(query: Query) -> None:
    assert re.search(r'(function_name="\$function"|service_name="\$service")', query.expression)
    assert set(re.findall(r"\[([^]]*)\]", query.expression)) <= {
        "$__range",
        "$__interval",
        "$__rate_interval",
    }


def test_request_id_links_to_logs_panel() -> None:
    (logs,) = [panel for panel in PANELS if panel["title"] == "Logs"]
    (table,) = [panel for panel in PANELS if panel["title"] == "Recent invocations"]
    (url,) = re.findall(r'"url": "([^"]+)"', json.dumps(table))

    assert url.startswith(f"/d/{dashboard()['uid']}/")
    assert f"viewPanel=panel-{logs['id']}" in url
    assert {"var-function=${function}", "var-request_id=${__value.raw}"} <= set(
        url.partition("?")[2].split("&")
    )
    variables = {variable["name"] for variable in dashboard()["templating"]["list"]}
    assert variables == {"function", "service", "request_id"}
    assert "$request_id" in logs["targets"][0]["expr"]


@pytest.mark.parametrize(
    ("source", "field", "matched", "panel"),
    [
        ("Prometheus", "exemplarTraceIdDestinations", "name", "Logs"),
        ("Loki", "derivedFields", "matcherRegex", "Duration"),
    ],
)
def test_duration_and_logs_panels_link_to_each_other(
    source: str, field: str, matched: str, panel: str
) -> None:
    (found,) = [
        each for each in read("grafana/datasources.yaml")["datasources"] if each["name"] == source
    ]
    (link,) = found["jsonData"][field]
    (shown,) = [each for each in PANELS if each["title"] == panel]

    assert link[matched].strip("^$") == "request_id"
    # Grafana expands environment variables in provisioned files; $$ is an escaped dollar sign
    assert (
        link["url"] == f"/d/lambda?viewPanel=panel-{shown['id']}&var-request_id=$${{__value.raw}}"
    )


def test_prometheus_stores_exemplars_for_duration_panel() -> None:
    (container,) = WORKLOADS["prometheus"]["containers"]

    assert "--enable-feature=exemplar-storage" in container["args"]
    assert [panel["title"] for panel in PANELS if '"exemplar": true' in json.dumps(panel)] == [
        "Duration"
    ]


def test_anonymous_users_can_explore_but_not_edit() -> None:
    settings = configparser.ConfigParser()
    settings.read(STACK / "grafana/grafana.ini")
    (provider,) = read("grafana/dashboards.yaml")["providers"]

    assert settings["auth.anonymous"]["org_role"] == "Editor"
    assert provider["allowUiUpdates"] is False
    assert dashboard()["editable"] is False


def test_dashboard_has_fixed_uid_and_unique_panel_ids() -> None:
    assert (dashboard()["uid"], dashboard()["editable"]) == ("lambda", False)
    ids = [panel["id"] for panel in PANELS]
    assert len(ids) == len(set(ids))


def test_grafana_interval_matches_prometheus_scrape_interval() -> None:
    (source,) = [s for s in read("grafana/datasources.yaml")["datasources"] if "isDefault" in s]

    assert (
        source["jsonData"]["timeInterval"]
        == read("prometheus/prometheus.yaml")["global"]["scrape_interval"]
    )


# --- the alerts


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_alert_has_severity_summary_and_runbook(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert "{{" in alert["annotations"]["summary"]
    assert len(alert["annotations"]["runbook"]) > 40


@pytest.mark.parametrize("where", ["alerts.test.yaml", "../cluster/monitoring/test_alerts.py"])
def test_alert_has_unit_and_cluster_tests(where: str) -> None:
    tests = (Path("tests/environment") / where).read_text()

    assert [alert["alert"] for alert in alerts() if alert["alert"] not in tests] == []


# --- permissions and resources of the pods


@pytest.mark.parametrize("name", WORKLOADS)
def test_pod_has_limits_and_probes(name: str) -> None:
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
def test_pod_is_not_root_and_uses_no_host_path(name: str) -> None:
    assert WORKLOADS[name]["securityContext"]["runAsNonRoot"] is True
    assert [volume for volume in WORKLOADS[name]["volumes"] if "hostPath" in volume] == []


def test_collector_writes_only_its_state() -> None:
    pod = WORKLOADS["collector"]
    mounts = pod["containers"][0]["volumeMounts"]

    assert [mount["name"] for mount in mounts if not mount.get("readOnly")] == ["state"]
    assert {volume["name"] for volume in pod["volumes"] if "hostPath" in volume} == {
        "logs",
        "state",
    }


def test_only_prometheus_may_read_from_api_server() -> None:
    assert [name for name in WORKLOADS if "serviceAccountName" in WORKLOADS[name]] == ["prometheus"]
    permissions = {
        (document["kind"], *rule["resources"], *rule["verbs"])
        for document in read_documents((STACK / "prometheus/rbac.yaml").read_text())
        for rule in document.get("rules", [])
    }
    assert permissions == {
        ("Role", "pods", "get", "list", "watch"),
        ("ClusterRole", "nodes", "get", "list", "watch"),
        ("ClusterRole", "nodes/metrics", "get"),
    }


def test_image_versions_are_in_kustomization() -> None:
    versions = {image["name"]: image["newTag"] for image in read("kustomization.yaml")["images"]}
    named = {pod["containers"][0]["image"] for pod in WORKLOADS.values()}

    assert named == versions.keys()
    assert all(re.fullmatch(r"v?\d+\.\d+\.\d+", version) for version in versions.values())


def test_promtool_version_matches_prometheus() -> None:
    images = {image["name"]: image["newTag"] for image in read("kustomization.yaml")["images"]}
    tools = tomllib.loads(Path("mise.toml").read_text())["tools"]

    assert images["quay.io/prometheus/prometheus"] == f"v{tools['promtool']}"
