"""The number of pods of the function, with `tilt up -- --scaled`."""

import json
import subprocess

from support.waiting import wait_until
from tests.cluster.support.workspace import DEADLINE, Workspace, output, pods

LEAST, MOST = 2, 4
"""Limits of the autoscaler in k8s/scaled."""


def kubectl(*arguments: str) -> str:
    return output("kubectl", "--namespace", "lambda", *arguments)


def wait_for_pods(count: int) -> None:
    """Wait until exactly this many pods run and all are ready."""

    def is_reached() -> bool:
        listed = kubectl(
            "get", "pods", "--selector", "app.kubernetes.io/name=function", "--output=name"
        )
        return len(listed.split()) == count == sum(map(serves, pods().values()))

    wait_until(is_reached, f"{count} pods are ready", DEADLINE)


def serves(pod: dict[str, object]) -> bool:
    """Return whether a pod is ready for requests."""
    status = pod["status"]
    assert isinstance(status, dict)
    return {"Ready": "True"}.items() <= {
        condition["type"]: condition["status"] for condition in status.get("conditions", [])
    }.items()


def scale(replicas: int) -> None:
    """Run this many pods, without regard to the load."""
    let_autoscaler_choose(replicas, replicas)
    kubectl("scale", "deployment", "function", f"--replicas={replicas}")


def let_autoscaler_choose(least: int = LEAST, most: int = MOST, busy_at: str = "200m") -> None:
    cpu = {"name": "cpu", "target": {"type": "AverageValue", "averageValue": busy_at}}
    metrics = [{"type": "Resource", "resource": cpu}]
    spec = {"minReplicas": least, "maxReplicas": most, "metrics": metrics}
    kubectl("patch", "hpa", "function", "--type=merge", "--patch", json.dumps({"spec": spec}))


def check(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/check", "--cluster", *arguments],
        cwd=workspace.directory,
        capture_output=True,
        text=True,
        check=False,
    )
