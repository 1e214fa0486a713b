"""
Watch what Tilt's rows hide: a failed image build, a missing deployment, a cluster that is gone.

Tilt runs this beside the row `live` (see Tiltfile). A live update turns the row `function` green
even if the last image build failed, because the update itself succeeded. A deleted namespace or an
API server that does not respond changes no row at all. This program writes each such problem as a
line to `.cache/deployment`. The row `live` depends on that file and is red while it has a line. The
file is also written after each rollout: what `live` and the checks say is about the pod before.

A failed build is repeated after 15 s, 30 s and so on. Its cause may be gone, such as a registry
that did not respond, and no file changes then. `tilt trigger` would delete the deployment before
it builds, so this program changes `.cache/rebuild` instead, a build argument of the image.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

FILE = Path(".cache/deployment")
REBUILD = Path(".cache/rebuild")
_SETTLE_SECONDS = 1.0
"""Changes are evaluated once none has come for so long: a save comes first."""
_RESTART_SECONDS = 2.0
_POLL_SECONDS = 60.0
_FIRST_RETRY_SECONDS, _MAX_RETRY_SECONDS = 15.0, 300.0
_MAX_LENGTH = 300


class Deployment:
    """The deployment of the function in one namespace, as Tilt and the cluster report it."""

    def __init__(self, context: str, namespace: str) -> None:
        self._namespace = namespace
        self._kubectl = ("kubectl", "--context", context, "--namespace", namespace)
        self._get = ("get", "deployments", "--field-selector", "metadata.name=function")
        self._build_error: str | None = None
        self._is_building = False
        self.generation = 0
        """The generation whose rollout was the last to finish; 0 if it is unknown."""

    @property
    def has_failed_build(self) -> bool:
        """Whether the last build failed and no other is running."""
        return self._build_error is not None and not self._is_building

    @property
    def has_built(self) -> bool:
        """Whether the last build succeeded."""
        return self._build_error is None and not self._is_building

    def watches(self) -> list[tuple[str, ...]]:
        """Return the commands that print a line for each change, except live updates."""
        return [
            (*self._kubectl, *self._get, "--output", "name", "--watch"),
            ("tilt", "get", "dockerimages", "--output", "name", "--watch"),
            ("tilt", "get", "kubernetesapplys", "function", "--output", "name", "--watch"),
        ]

    def problems(self) -> list[str]:
        """Return what is wrong and what to do, one line each."""
        return [*self._cluster_problems(), *self._tilt_problems()]

    def _cluster_problems(self) -> list[str]:
        command = (*self._kubectl, "--request-timeout", "5s", *self._get, "--output", "json")
        found = _run(*command)
        if found.returncode:
            time.sleep(_RESTART_SECONDS)
            found = _run(*command)
        if found.returncode:
            problem = "The cluster does not respond, so saves do not reach the function"
            return [f"{problem}: {_last(found)} If it does not come back, run: make up"]
        deployments = json.loads(found.stdout)["items"]
        if not deployments:
            phase = ("--output", "jsonpath={.status.phase}", "--ignore-not-found")
            namespace = _run(*self._kubectl, "get", "namespace", self._namespace, *phase)
            problem = f"The deployment `function` is missing in the namespace {self._namespace}"
            if namespace.stdout == "Terminating":
                return [f"{problem}, which is being deleted. Wait for that."]
            return [f"{problem}. Trigger `namespaces`, then `function`."]
        if _is_rolled_out(deployments[0]):
            self.generation = deployments[0]["metadata"]["generation"]
        return []

    def _tilt_problems(self) -> list[str]:
        found = _run("tilt", "get", "dockerimages,kubernetesapplys", "--output", "json")
        if found.returncode:
            return []  # Tilt is stopping
        statuses = [
            (each["kind"], each["status"])
            for each in json.loads(found.stdout)["items"]
            if each["metadata"].get("annotations", {}).get("tilt.dev/resource") == "function"
        ]
        for kind, status in statuses:
            if kind == "DockerImage":
                self._read_build(status)
        problems = []
        if self._build_error:
            problems.append(
                f"The image of the last change was not built: {self._build_error} The pod runs the"
                " image before it. Fix the cause; the build is repeated, or press Rebuild image."
            )
        applied = [_error(status) for kind, status in statuses if kind == "KubernetesApply"]
        return problems + [
            f"The last change of the manifests was not applied: {error} Press Rebuild image."
            for error in applied
            if error
        ]

    def _read_build(self, status: dict[str, Any]) -> None:
        """Read the state of the image. A running build leaves the error of the one before."""
        completed = status.get("completed")
        self._is_building = completed is None
        if completed is not None:
            self._build_error = _error(completed)


def _is_rolled_out(deployment: dict[str, Any]) -> bool:
    """Whether all pods have the newest manifest, as `kubectl rollout status` decides it."""
    status, replicas = deployment["status"], deployment["spec"]["replicas"]
    counts = [status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    is_seen = status.get("observedGeneration") == deployment["metadata"]["generation"]
    return bool(is_seen and counts == [replicas] * 3)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _last(done: subprocess.CompletedProcess[str]) -> str:
    return _sentence((done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1])


def _error(status: dict[str, Any] | None) -> str | None:
    text = " ".join(((status or {}).get("error") or "").split())
    return _sentence(text) if text else None


def _sentence(text: str) -> str:
    text = text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
    return text if text.endswith((".", "…")) else f"{text}."


def _follow(command: tuple[str, ...], changes: "queue.SimpleQueue[None]") -> None:
    """Report each line that a command prints, and its end; start it again."""
    while True:
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        with subprocess.Popen(command, stdout=pipe, stderr=null, text=True) as process:
            for _ in process.stdout or ():
                changes.put(None)
        changes.put(None)
        time.sleep(_RESTART_SECONDS)


def _wait(changes: "queue.SimpleQueue[None]", seconds: float | None) -> None:
    """Wait for a change, at most so many seconds, and until there are no more for a moment."""
    try:
        changes.get(timeout=seconds)
        while True:
            changes.get(timeout=_SETTLE_SECONDS)
    except queue.Empty:
        return


def _write(text: str, *, again: bool) -> None:
    """Write the problems if they have changed, because the row `live` runs at each write."""
    if again or text != (FILE.read_text() if FILE.exists() else ""):
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text)


def main(context: str, namespace: str) -> None:
    """Write the problems at each change, until Tilt stops."""
    deployment = Deployment(context, namespace)
    changes: queue.SimpleQueue[None] = queue.SimpleQueue()
    for command in deployment.watches():
        threading.Thread(target=_follow, args=(command, changes), daemon=True).start()
    parent, delay = os.getppid(), _FIRST_RETRY_SECONDS
    due: float | None = None
    while os.getppid() == parent:
        before = deployment.generation
        problems = deployment.problems()
        is_replaced = bool(before) and deployment.generation != before
        _write("".join(f"{problem}\n" for problem in problems), again=is_replaced)
        now, poll = time.monotonic(), _RESTART_SECONDS if problems else _POLL_SECONDS
        if deployment.has_built:
            due, delay = None, _FIRST_RETRY_SECONDS
        elif deployment.has_failed_build and due is None:
            due, delay = now + delay, min(2 * delay, _MAX_RETRY_SECONDS)
        elif deployment.has_failed_build and due is not None and now >= due:
            REBUILD.write_text(f"{time.time_ns()}\n")
            due = None
        _wait(changes, poll if due is None else max(0, min(poll, due - now)))


if __name__ == "__main__":
    main(*sys.argv[1:])
