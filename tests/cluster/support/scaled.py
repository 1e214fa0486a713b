"""How many pods of the function there are, under `tilt up -- --scaled`."""

import json
import subprocess

from support.waiting import wait_until
from tests.cluster.support.workspace import DEADLINE, Workspace, output, pods

LEAST, MOST = 2, 4
"""Pods, as k8s/scaled says."""


def kubectl(*arguments: str) -> str:
    return output("kubectl", "--namespace", "lambda", *arguments)


def wait_for_pods(count: int) -> None:
    """Wait until there are so many, all of them serve, and what went has gone."""

    def there() -> bool:
        listed = kubectl(
            "get", "pods", "--selector", "app.kubernetes.io/name=function", "--output=name"
        )
        return len(listed.split()) == count == sum(map(serves, pods().values()))

    wait_until(there, f"{count} pods serve", DEADLINE)


def serves(pod: dict[str, object]) -> bool:
    """Tell whether a pod is ready for requests."""
    status = pod["status"]
    assert isinstance(status, dict)
    return {"Ready": "True"}.items() <= {
        condition["type"]: condition["status"] for condition in status.get("conditions", [])
    }.items()


def scale(replicas: int) -> None:
    """Have so many at once, whatever the autoscaler would have found."""
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
