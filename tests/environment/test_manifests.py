import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from support.documents import read_document, read_documents

KUSTOMIZATIONS = sorted(path.parent for path in Path("k8s").rglob("kustomization.yaml"))
VERSION = "1.35"  # as in ctlptl.yaml


def is_manifest(path: Path) -> bool:
    return path.name != "kustomization.yaml" and all(
        isinstance(document, dict) and {"apiVersion", "kind"} <= document.keys()
        for document in read_documents(path.read_text())
    )


MANIFESTS = [path for path in sorted(Path("k8s").rglob("*.yaml")) if is_manifest(path)]


def build(kustomization: str | Path) -> list[dict[str, Any]]:
    if not shutil.which("kubectl"):
        pytest.skip("needs kubectl")
    built = subprocess.run(
        ["kubectl", "kustomize", kustomization], capture_output=True, text=True, check=True
    )
    return read_documents(built.stdout)


def function_manifest(name: str) -> Any:
    return read_document(Path("k8s/function", name).read_text())


POD = function_manifest("deployment.yaml")["spec"]["template"]["spec"]
CONTAINER = POD["containers"][0]
ENVIRONMENT = {variable["name"]: variable.get("value") for variable in CONTAINER["env"]}


def megabytes(quantity: str) -> int:
    return int(quantity.removesuffix("Mi"))


@pytest.mark.parametrize("path", MANIFESTS, ids=str)
def test_manifest_matches_kubernetes_schema(path: Path) -> None:
    for document in read_documents(path.read_text()):
        # kustomize adds the selector that a Deployment needs
        if document["kind"] in {"Deployment", "DaemonSet", "StatefulSet"}:
            document["spec"].setdefault("selector", {"matchLabels": {}})
        kubernetes_validate.validate(document, VERSION, strict=True)


@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS, ids=str)
def test_kustomization_resources_exist(kustomization: Path) -> None:
    resources = read_document((kustomization / "kustomization.yaml").read_text())["resources"]

    assert [name for name in resources if not (kustomization / name).exists()] == []


@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS, ids=str)
def test_kustomization_output_matches_kubernetes_schema(kustomization: Path) -> None:
    for document in build(kustomization):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_namespace_enforces_restricted_pods() -> None:
    labels = function_manifest("namespace.yaml")["metadata"]["labels"]

    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_pod_is_restricted() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is False


def test_service_is_called_by_each_of_its_names() -> None:
    names = [each["name"] for each in CONTAINER["env"]]
    hosts = ENVIRONMENT["LAMBDA_LIVE_ALLOWED_HOSTS"].split(",")

    domains = ("", ".$(NAMESPACE)", ".$(NAMESPACE).svc", ".$(NAMESPACE).svc.cluster.local")
    service = function_manifest("service.yaml")["metadata"]["name"]
    assert hosts == [service + domain for domain in domains]
    assert names.index("NAMESPACE") < names.index("LAMBDA_LIVE_ALLOWED_HOSTS")


def test_memory_limit_fits_all_environments() -> None:
    environments = int(ENVIRONMENT["LAMBDA_LIVE_CONCURRENCY"])
    size = 128  # MB, AWS's default. k8s/Tiltfile adapts the limit to the template

    limit = megabytes(CONTAINER["resources"]["limits"]["memory"])

    assert limit >= environments * size + 256


def test_grace_period_exceeds_shutdown_timeout() -> None:
    before_sigterm = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    shutdown = int(ENVIRONMENT["LAMBDA_LIVE_SHUTDOWN_TIMEOUT"])

    assert POD["terminationGracePeriodSeconds"] > before_sigterm + shutdown


def test_shutdown_timeout_exceeds_function_timeout() -> None:
    assert (
        int(ENVIRONMENT["LAMBDA_LIVE_SHUTDOWN_TIMEOUT"]) > 3
    )  # seconds, AWS's default. k8s/Tiltfile adapts it, too


def test_rollout_keeps_pod_until_next_is_ready() -> None:
    strategy = function_manifest("deployment.yaml")["spec"]["strategy"]["rollingUpdate"]

    assert strategy == {"maxUnavailable": 0, "maxSurge": 1}


def test_debug_overlay_adds_only_debugger() -> None:
    plain, debug = (
        next(document for document in build(path) if document["kind"] == "Deployment")
        for path in ("k8s/function", "k8s/debug")
    )

    added = debug["spec"]["template"]["spec"]["containers"][0]["env"].pop()

    assert added == {"name": "LAMBDA_LIVE_DEBUG", "value": "1"}
    assert debug == plain
