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
    run(program("promtool"), "test", "rules", "tests/environment/alerts.test.yaml")


def test_loki_accepts_its_configuration() -> None:
    run(program("loki"), "-verify-config", f"-config.file={STACK}/loki/loki.yaml")


def test_the_collector_accepts_its_configuration(tmp_path: Path) -> None:
    # The one directory that is there on a node alone
    here = f"yaml:extensions::file_storage::directory: {tmp_path}"
    given = f"{STACK}/collector/collector.yaml"
    run(program("otelcol-k8s", "otelcol"), "validate", f"--config={given}", f"--config={here}")


# --- what the queries name


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
    assert re.search(r'(function_name="\$function"|service_name="\$service")', query.expression)
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
    assert variables == {"function", "service", "request_id"}
    assert "$request_id" in logs["targets"][0]["expr"]


@pytest.mark.parametrize(
    ("source", "field", "matched", "panel"),
    [
        ("Prometheus", "exemplarTraceIdDestinations", "name", "Logs"),
        ("Loki", "derivedFields", "matcherRegex", "Duration"),
    ],
)
def test_an_invocation_leads_from_its_duration_to_its_lines_and_back(
    source: str, field: str, matched: str, panel: str
) -> None:
    (found,) = [
        each for each in read("grafana/datasources.yaml")["datasources"] if each["name"] == source
    ]
    (link,) = found["jsonData"][field]
    (shown,) = [each for each in PANELS if each["title"] == panel]

    assert link[matched].strip("^$") == "request_id"
    # Grafana fills variables of the environment into what it provisions, and takes $$ for a dollar.
    assert (
        link["url"] == f"/d/lambda?viewPanel=panel-{shown['id']}&var-request_id=$${{__value.raw}}"
    )


def test_prometheus_keeps_the_invocations_that_the_dashboard_asks_for() -> None:
    (container,) = WORKLOADS["prometheus"]["containers"]

    assert "--enable-feature=exemplar-storage" in container["args"]
    assert [panel["title"] for panel in PANELS if '"exemplar": true' in json.dumps(panel)] == [
        "Duration"
    ]


def test_anyone_may_explore_and_nobody_change_what_is_provisioned() -> None:
    settings = configparser.ConfigParser()
    settings.read(STACK / "grafana/grafana.ini")
    (provider,) = read("grafana/dashboards.yaml")["providers"]

    assert settings["auth.anonymous"]["org_role"] == "Editor"
    assert provider["allowUiUpdates"] is False
    assert dashboard()["editable"] is False


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
    tests = (Path("tests/environment") / where).read_text()

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
        for document in read_documents((STACK / "prometheus/rbac.yaml").read_text())
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
