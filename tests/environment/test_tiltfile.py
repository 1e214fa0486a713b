import ast
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from lambda_live.cli.describe import load_template
from support.documents import read_documents
from support.project import write_project

SOURCE = Path("Tiltfile").read_text()
FUNCTIONS = load_template(Path.cwd()).functions
FOLDERS = list(dict.fromkeys(os.path.relpath(each.code_uri) for each in FUNCTIONS))
EVENTS = sorted(
    path.relative_to("events").as_posix()
    for folder in ("", *(each.name for each in FUNCTIONS))
    for path in Path("events", folder).glob("*")
    if path.suffix in (".json", ".http")
)
MONITORING = {"collector", "loki", "prometheus", "grafana"}

TWO_FUNCTIONS = {
    "template.yaml": """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: app.handler}}
Resources:
  Greeter: {Type: AWS::Serverless::Function, Properties: {FunctionName: Greeter, CodeUri: greeter}}
  Caller: {Type: AWS::Serverless::Function, Properties: {FunctionName: Caller, CodeUri: caller}}
""",
    "greeter/app.py": "",
    "caller/app.py": "",
    "events/Greeter/ann.json": "{}",
    "events/Caller/ann.json": "{}",
}

type Evaluate = Callable[..., dict[str, Any]]
type EvaluateIn = Callable[[Path, Mapping[str, str]], dict[str, Any]]


def kubeconfig(context: str) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
            "clusters": [{"name": context, "cluster": {"server": "https://127.0.0.1:1"}}],
            "users": [{"name": context, "user": {}}],
        }
    )


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    if not (shutil.which("tilt") and shutil.which("kubectl")):
        pytest.skip("needs tilt and kubectl")

    def run(
        *settings: str, context: str = "k3d-lambda-dev", **machine: str
    ) -> subprocess.CompletedProcess[str]:
        config = tmp_path / "kubeconfig"
        config.write_text(kubeconfig(context))
        return subprocess.run(
            ["tilt", "alpha", "tiltfile-result", "--", *settings],
            env={**os.environ, "KUBECONFIG": str(config), **machine},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def evaluate(run: Callable[..., subprocess.CompletedProcess[str]]) -> Evaluate:
    def evaluate(*settings: str, **machine: str) -> dict[str, Any]:
        evaluated = run(*settings, **machine)
        assert evaluated.returncode == 0, evaluated.stderr
        result: dict[str, Any] = json.loads(evaluated.stdout)
        return result

    return evaluate


@pytest.fixture
def evaluate_in(monkeypatch: pytest.MonkeyPatch) -> EvaluateIn:
    """Return a function that evaluates the Tiltfile in a fresh clone with other files."""
    if not (shutil.which("tilt") and shutil.which("kubectl")):
        pytest.skip("needs tilt and kubectl")

    def evaluate(folder: Path, files: Mapping[str, str]) -> dict[str, Any]:
        clone = folder / "clone"
        for name in output("git", "ls-files", "-z").split("\0"):
            if Path(name).is_file() and not (files and Path(name).parts[0] in ("events", "tests")):
                (clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(name, clone / name)
        write_project(clone, files)
        make = folder / "programs/make"
        make.parent.mkdir()
        make.write_text(f"#!/bin/sh\necho $* >made\nln -s {Path('.venv').absolute()} .venv\n")
        make.chmod(0o755)
        (folder / "kubeconfig").write_text(kubeconfig("k3d-lambda-dev"))
        monkeypatch.setenv("PATH", f"{make.parent}:{os.environ['PATH']}")
        monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))
        evaluated = subprocess.run(
            ["tilt", "alpha", "tiltfile-result"],
            cwd=clone,
            capture_output=True,
            text=True,
            check=False,
        )
        assert evaluated.returncode == 0, evaluated.stderr
        result: dict[str, Any] = json.loads(evaluated.stdout)
        return result

    return evaluate


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def resources(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {manifest["Name"]: manifest for manifest in result["Manifests"]}


def with_label(result: dict[str, Any], label: str) -> set[str]:
    return {name for name, resource in resources(result).items() if label in resource["Labels"]}


def syncs(result: dict[str, Any]) -> Any:
    (image,) = resources(result)["function"]["ImageTargets"]
    return image["LiveUpdateSpec"].get("syncs", [])


def links(result: dict[str, Any]) -> list[str]:
    urls = [link["URL"] for link in resources(result)["function"]["DeployTarget"]["Links"]]
    return [f"{url['Scheme']}://{url['Host']}{url['Path']}" for url in urls]


def buttons(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["ObjectSet"]["tilt.dev/v1alpha1, Resource=uibuttons"]
    return found


def on_row(result: dict[str, Any], resource: str) -> dict[str, Any]:
    return {
        name: button
        for name, button in buttons(result).items()
        if button["spec"]["location"] == {"componentType": "Resource", "componentID": resource}
    }


def test_tiltfile_is_parseable_as_python() -> None:
    ast.parse(SOURCE)


def test_tiltfile_downloads_nothing() -> None:
    assert "ext://" not in SOURCE
    assert "extension_repo" not in SOURCE


def test_other_cluster_is_rejected_with_command_to_run(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    rejected = run(context="k3d-production")

    assert rejected.returncode == 5
    assert "k3d-production" in rejected.stderr
    assert "make up" in rejected.stderr


def test_fresh_clone_is_installed_first(tmp_path: Path, evaluate_in: EvaluateIn) -> None:
    evaluate_in(tmp_path, {})

    assert (tmp_path / "clone/made").read_text() == "--silent needs install\n"


def test_every_object_belongs_to_labeled_resource(evaluate: Evaluate) -> None:
    result = evaluate()

    assert [name for name, resource in resources(result).items() if not resource["Labels"]] == []
    assert "uncategorized" not in resources(result)


def test_resources_are_grouped_by_purpose(evaluate: Evaluate) -> None:
    result = evaluate()

    assert with_label(result, "app") == {"function", "live", "log"}
    assert with_label(result, "cluster") == {"namespaces"}
    assert with_label(result, "checks") == {"checks"}
    assert with_label(result, "tests") == {"ruff", "pytest"}
    assert with_label(result, "monitoring") == MONITORING


def test_monitoring_can_be_disabled(evaluate: Evaluate) -> None:
    assert with_label(evaluate("--monitoring=false"), "monitoring") == set()


def test_pod_and_build_reach_the_package_index(evaluate: Evaluate) -> None:
    settings = {
        "HTTPS_PROXY": "http://proxy.internal:3128",
        "NO_PROXY": ".internal",
        "PIP_INDEX_URL": "https://index.internal/simple",
    }

    target = resources(evaluate("--monitoring=false", **settings))["function"]

    (pod,) = (
        each
        for each in yaml.safe_load_all(target["DeployTarget"]["yaml"])
        if each["kind"] == "Deployment"
    )
    container = pod["spec"]["template"]["spec"]["containers"][0]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    build = json.dumps(target["ImageTargets"][0])
    assert {name: variables[name] for name in settings} == settings
    assert all(value in build for value in settings.values())


def test_chosen_ports_are_forwarded_and_linked(evaluate: Evaluate) -> None:
    result = evaluate(GRAFANA_PORT="3333", FUNCTION_PORT="5433", LAMBDA_LIVE_ADMIN_PORT="9102")

    (forward,) = resources(result)["grafana"]["DeployTarget"]["portForwardTemplateSpec"]["forwards"]
    assert (forward["localPort"], forward["containerPort"]) == (3333, 3000)
    assert links(result) == ["http://localhost:5433", "http://localhost:3333/d/lambda"]
    function = resources(result)["function"]["DeployTarget"]
    (forward,) = function["portForwardTemplateSpec"]["forwards"]
    assert (forward["localPort"], forward["containerPort"]) == (9102, 9101)
    assert "http://localhost:5433" in function["yaml"]


def test_links_in_codespace_use_its_domain(evaluate: Evaluate) -> None:
    codespace = {
        "CODESPACE_NAME": "n",
        "GITHUB_CODESPACES_PORT_FORWARDING_DOMAIN": "app.github.dev",
    }

    assert links(evaluate(**codespace)) == [
        "https://n-5432.app.github.dev",
        "https://n-9101.app.github.dev",
        "https://n-3000.app.github.dev/d/lambda",
    ]


def test_own_namespace_has_all_objects(evaluate: Evaluate) -> None:
    result = evaluate("--namespace=ann")

    deployed = yaml_of(result)
    assert {each["metadata"].get("namespace") for each in deployed} == {
        *("ann", "ann-collector", "ann-monitoring"),
        None,
    }
    names = {each["metadata"]["name"] for each in deployed if "namespace" not in each["metadata"]}
    assert names == {"ann", "ann-collector", "ann-monitoring", "ann-dev-prometheus"}
    text = yaml.safe_dump_all(deployed)
    assert "/var/log/pods/ann_*" in text
    assert not re.search(r"pods/lambda_|loki\.monitoring|names: \[lambda\]|lambda-dev-coll", text)
    (service,) = [each for each in deployed if each["metadata"]["name"] == "function"][:1]
    assert service["spec"]["type"] == "ClusterIP"  # the port of a load balancer is shared


def yaml_of(result: dict[str, Any]) -> list[dict[str, Any]]:
    texts = [resource["DeployTarget"].get("yaml", "") for resource in resources(result).values()]
    return [each for text in texts for each in read_documents(text)]


def test_save_is_synced_into_pod(evaluate: Evaluate) -> None:
    assert syncs(evaluate()) == [
        {"localPath": name, "containerPath": f"/var/task/{name}"}
        for name in (*FOLDERS, *(["events"] if Path("events").is_dir() else []))
    ]


def test_live_update_can_be_disabled(evaluate: Evaluate) -> None:
    assert syncs(evaluate("--live-update=false")) == []


def test_checks_send_all_events_in_one_process(evaluate: Evaluate) -> None:
    checks = resources(evaluate())["checks"]

    assert checks["ResourceDependencies"] == ["live"]
    target = checks["DeployTarget"]
    sent = [f"events/{event}" for event in EVENTS]
    command = ["scripts/check", "--cluster", "--each", *sent]
    assert target["UpdateCmdSpec"]["args"][-len(command) :] == command
    assert target["AllowParallel"]
    assert {os.path.relpath(path) for path in target["Deps"]} == {
        *(".cache/live", "events", "scripts/check")
    }


def test_each_function_has_its_own_checks(tmp_path: Path, evaluate_in: EvaluateIn) -> None:
    result = evaluate_in(tmp_path, TWO_FUNCTIONS)

    checks = {name: resources(result)[f"{name}-checks"] for name in ("Greeter", "Caller")}
    for name, row in checks.items():
        assert row["DeployTarget"]["UpdateCmdSpec"]["args"][-1] == f"events/{name}/ann.json"
    assert with_label(result, "checks") == {"Greeter-checks", "Caller-checks"}


def test_live_resource_depends_on_code_folders(evaluate: Evaluate) -> None:
    live = resources(evaluate())["live"]

    assert live["ResourceDependencies"] == ["function"]
    assert [os.path.relpath(path) for path in live["DeployTarget"]["Deps"]] == [
        *FOLDERS,
        "template.yaml",
    ]


@pytest.mark.parametrize("file", [".cache/deployment", ".cache/live", ".cache/rebuild"])
def test_file_that_triggers_a_row_is_watched(file: str) -> None:
    assert f"!{file}" in Path(".tiltignore").read_text().splitlines()


def test_function_has_invoke_and_load_buttons(evaluate: Evaluate) -> None:
    declared = on_row(evaluate(), "function")

    if not EVENTS:  # a choice input needs choices
        assert set(declared) == {"load", "rebuild"}
        return
    assert set(declared) == {"invoke", "load", "rebuild"}
    (event,) = declared["invoke"]["spec"]["inputs"]
    assert event["choice"]["choices"] == EVENTS


def test_checks_have_one_accept_button_with_confirmation(evaluate: Evaluate) -> None:
    (button,) = on_row(evaluate(), "checks").values()

    assert button["spec"]["text"] == "Accept responses"
    assert button["spec"]["requiresConfirmation"]


def test_build_has_update_slot_besides_checks() -> None:
    assert "max_parallel_updates=len(EVENTS) + " in SOURCE


def test_debug_forwards_debugger_port(evaluate: Evaluate) -> None:
    function = resources(evaluate("--debug"))["function"]["DeployTarget"]

    assert "LAMBDA_LIVE_DEBUG" in function["yaml"]
    forwards = function["portForwardTemplateSpec"]["forwards"]
    assert (5678, 5678) in [(each["localPort"], each["containerPort"]) for each in forwards]


def test_scaled_runs_autoscaler_and_metrics_server(evaluate: Evaluate) -> None:
    result = evaluate("--scaled")

    assert "HorizontalPodAutoscaler" in resources(result)["function"]["DeployTarget"]["yaml"]
    assert with_label(result, "cluster") == {"metrics-server", "namespaces"}
    assert [name for name, resource in resources(result).items() if not resource["Labels"]] == []
    assert "metrics-server" not in resources(evaluate())


def test_scaled_pod_starts_after_live_update(
    evaluate: Evaluate,
) -> None:
    (synced,) = [each for each in yaml_of(evaluate("--scaled")) if has_startup_probe(each)]
    without = yaml_of(evaluate("--scaled", "--live-update=false"))

    assert synced["metadata"]["name"] == "function"
    assert [each for each in without if has_startup_probe(each)] == []


def has_startup_probe(manifest: dict[str, Any]) -> bool:
    if manifest["kind"] != "Deployment" or manifest["metadata"]["namespace"] != "lambda":
        return False
    return "startupProbe" in manifest["spec"]["template"]["spec"]["containers"][0]


QUEUE = {
    "template.yaml": """
Transform: AWS::Serverless-2016-10-31
Resources:
  Worker: {Type: AWS::Serverless::Function, Properties: {Runtime: python3.12, Handler: app.handler}}
  Orders: {Type: AWS::SQS::Queue}
""",
    "app.py": "",
}


def variables_of(result: dict[str, Any], name: str) -> dict[str, str]:
    (pod,) = (
        each
        for each in read_documents(resources(result)[name]["DeployTarget"]["yaml"])
        if each["kind"] == "Deployment"
    )
    container = pod["spec"]["template"]["spec"]["containers"][0]
    return {each["name"]: each.get("value") for each in container["env"]}


def test_template_with_resources_runs_the_emulator(
    tmp_path: Path, evaluate_in: EvaluateIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = {"AWS_REGION": "eu-west-1", "AWS_ACCOUNT_ID": "210987654321"}
    for name, value in account.items():
        monkeypatch.setenv(name, value)

    result = evaluate_in(tmp_path, QUEUE)

    assert with_label(result, "app") == {"aws", "function", "live", "log"}
    assert "aws" in resources(result)["function"]["ResourceDependencies"]
    function, emulator = variables_of(result, "function"), variables_of(result, "aws")
    assert function["AWS_ENDPOINT_URL"] == "http://aws:4566"
    assert account.items() <= function.items()
    assert (emulator["MINISTACK_REGION"], emulator["MINISTACK_ACCOUNT_ID"]) == (*account.values(),)
    (forward,) = resources(result)["aws"]["DeployTarget"]["portForwardTemplateSpec"]["forwards"]
    assert (forward["localPort"], forward["containerPort"]) == (14566, 4566)


@pytest.mark.parametrize("place", ["shell", ".env"])
def test_emulator_of_the_user_replaces_ours(
    tmp_path: Path, evaluate_in: EvaluateIn, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    url, files = "http://localstack.tools:4566", {}
    if place == "shell":
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    else:
        files = {".env": f"AWS_ENDPOINT_URL={url}\n"}

    result = evaluate_in(tmp_path, QUEUE | files)

    assert "aws" not in resources(result)
    assert url in resources(result)["function"]["DeployTarget"]["yaml"]


def test_emulator_can_be_turned_on(evaluate: Evaluate) -> None:
    assert "aws" not in resources(evaluate())
    assert "aws" in resources(evaluate("--aws"))


def test_env_file_that_is_a_named_pipe_is_rejected(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    name = f".env.{FUNCTIONS[0].name}"
    assert not Path(name).exists()
    os.mkfifo(name)
    try:
        writer = threading.Thread(target=Path(name).write_text, args=["A=1"], daemon=True)
        writer.start()  # for `describe`, which reads the pipe
        rejected = run()
    finally:
        Path(name).unlink()

    assert rejected.returncode == 5
    assert f"{name} is a named pipe" in rejected.stderr


def test_debug_with_scaled_is_rejected(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    rejected = run("--scaled", "--debug")

    assert rejected.returncode == 5
    assert "--debug or --scaled" in rejected.stderr


def test_ci_readiness_timeout_is_below_one_minute(evaluate: Evaluate) -> None:
    assert evaluate("--monitoring=false")["CISettings"]["readinessTimeout"] == "45s"
