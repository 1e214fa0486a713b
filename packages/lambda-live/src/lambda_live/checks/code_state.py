"""
Which code a service runs, and waiting until it runs the code in the working tree.

The service reports a SHA-256 for each function. The same hash is computed here from the files on
disk, so a check never compares the response of the code before the last save. If a load balancer
hides several pods, each pod is requested through the Kubernetes API.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from lambda_live.checks.check_result import FunctionCode
from lambda_live.checks.curl import STATE_PATH, SendError, StateReader
from lambda_live.checks.function_response import CheckError

_POLL_SECONDS = 0.3
_FIX_POLL_SECONDS = 0.5
_ROLLOUT_SECONDS = 15
"""How long a service in a cluster may not respond while a pod is replaced."""

_LOADED = {"Active": True, "Failed": False}
_INLINE_CODE = "lambda-live/inline/"
"""Part of the folder into which the service writes a template's inline code."""


@dataclass(frozen=True, slots=True)
class FunctionState:
    """
    What the service reports about one function.

    `folders` are pairs of path and name. `ignored` are files that are not part of the code hash,
    relative to the project: the function writes them itself. `reserved` is its reserved
    concurrency, if it has one. `needs_tenant` is whether it has tenant isolation.
    """

    name: str
    project: str
    folders: Sequence[tuple[str, str]]
    code_sha256: str
    state: str
    error: CheckError | None
    ignored: Sequence[str] = ()
    reserved: int | None = None
    needs_tenant: bool = False

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return one of the functions of a state."""
        return cls(
            value["name"],
            value.get("project", ""),
            [(each["path"], each["name"]) for each in value["folders"]],
            value["code_sha256"],
            value["state"],
            CheckError.from_json(value.get("error")),
            value.get("ignored", ()),
            value.get("reserved_concurrency"),
            value.get("needs_tenant", False),
        )

    def to_code(self) -> FunctionCode:
        """Return what the result of the checks says about it."""
        return FunctionCode(self.name, self.code_sha256, _LOADED.get(self.state), self.error)


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What the service reports. `pods` is their namespace and kubectl context if it has several."""

    functions: Sequence[FunctionState]
    pods: tuple[str, str] | None = None

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Return the state, or None if the text is not one."""
        try:
            value = json.loads(text or "null")
            pods = value.get("pods")
            return cls(
                [FunctionState.from_json(each) for each in value["functions"]],
                (pods["namespace"], pods["context"]) if pods else None,
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    @property
    def names(self) -> list[str]:
        """The names of the functions."""
        return [each.name for each in self.functions]

    def has_failed(self, names: Sequence[str]) -> bool:
        """Whether the code of a function could not be loaded. No names are all."""
        return any(each.state == "Failed" for each in self.only(names))

    def only(self, names: Sequence[str]) -> list[FunctionState]:
        """Return the functions of these names. No names are all."""
        return [each for each in self.functions if not names or each.name in names]


def code_sha256(project: Path, function: FunctionState) -> str:
    """Return the hash of a function's code on disk, as the service computes it."""
    from lambda_live.code.code_files import CodeFiles, HashCache  # noqa: PLC0415  # not needed for --no-wait

    manifest = hashlib.sha256()
    ignored = {str((project / path).resolve()) for path in function.ignored}
    for path, name in function.folders:
        folder = project / path
        if _INLINE_CODE in path and not folder.is_dir():
            return function.code_sha256  # it is part of the template
        folder = folder.resolve()
        files = [
            (file, stamp)
            for file, is_file, stamp in CodeFiles(folder, project).walk(lambda _: None)
            if is_file and file not in ignored
        ]
        for line in HashCache(folder).manifest_lines(files):
            digest, gap, file_name = line.partition(b"  ")
            manifest.update(digest + gap + name.encode() + b"/" + file_name)
    return manifest.hexdigest()


class CodeWaiter:
    """Waits until the service runs the code on disk. Raises SendError after `timeout` seconds."""

    def __init__(
        self, project: Path, reader: StateReader, url: str, timeout: float, *, is_cluster: bool
    ) -> None:
        self._project = project
        self._reader = reader
        self._url = url
        self._timeout = timeout
        self._is_cluster = is_cluster
        self._start = time.monotonic()
        self.on_disk: dict[str, str] = {}
        """The hash on disk of each function that was waited for."""

    @property
    def elapsed(self) -> float:
        """Seconds since the start, without those in which the code did not load."""
        return time.monotonic() - self._start

    @property
    def is_rolling_out(self) -> bool:
        """Whether a rollout may be the reason for a missing response."""
        return self._is_cluster and self.elapsed < _ROLLOUT_SECONDS

    def read_state(self, query: str = "") -> ServiceState | None:
        """Return what the service reports now; None if it reports no code."""
        return ServiceState.parse(self._reader.read(query))

    def wait(
        self, state: ServiceState | None, names: Callable[[ServiceState], Sequence[str]]
    ) -> ServiceState:
        """
        Return the state in which each function's code on disk is loaded or failed to load.

        `state` is the one read last. `names` returns the functions to wait for.
        """
        wanted = names(state) if state else ()
        while True:
            if state is None:
                if not self.is_rolling_out:
                    message = (
                        f"{self._url} does not say which code it runs, so there is nothing to wait"
                        " for. With AWS's emulator use --no-wait"
                    )
                    raise SendError(message)
                time.sleep(_POLL_SECONDS)
                state = self.read_state()
            elif set(wanted) - set(state.names) and self.elapsed < self._timeout:
                time.sleep(_POLL_SECONDS)  # a rollout adds and removes functions
                state = self.read_state()
                wanted = names(state) if state else wanted
            elif query := self._outdated(state, wanted, self._url):
                state = self.read_state(query)
            else:
                return state

    def wait_for_pods(self, state: ServiceState, names: Sequence[str]) -> ServiceState:
        """Return the last pod's state when each has loaded the code, or that of one that failed."""
        if state.pods is None:
            return state
        cluster = _Cluster(*state.pods, self._url)
        pods = cluster.pods()
        while pods:
            found = self._wait_for_pod(cluster, pods.pop(0), names)
            if found is None:  # it is gone, and others may have started
                time.sleep(_POLL_SECONDS)
                pods = cluster.pods()
            elif (state := found).has_failed(names):
                break
        return state

    def _wait_for_pod(
        self, cluster: "_Cluster", pod: str, names: Sequence[str]
    ) -> ServiceState | None:
        query = ""
        while (state := cluster.state(pod, query)) is not None:
            query = self._outdated(state, names, f"pod {pod} of {self._url}")
            if not query:
                return state
        return None

    def _outdated(self, state: ServiceState, names: Sequence[str], who: str) -> str:
        """Return a query that waits for the code on disk; empty if each function runs it."""
        query = []
        for function in state.only(names):
            wanted = self.on_disk[function.name] = code_sha256(self._project, function)
            if function.code_sha256 != wanted or function.state == "Pending":
                if self.elapsed >= self._timeout:
                    raise SendError(self._timeout_message(function, wanted, who))
                query.append(f"{function.name}={wanted}")
        return "&".join(query)

    def _timeout_message(self, function: FunctionState, wanted: str, who: str) -> str:
        folder = function.folders[0][0]
        waited = f"waited {self._timeout:.0f} s for code {wanted[:12]}"
        if not (self._project / folder).is_dir():
            return f"the service at {who} runs another project: there is no {folder}/ here."
        if function.code_sha256 == wanted:
            return f"{waited} to load."
        return f"{waited} of {folder}/ here, but {who} runs {function.code_sha256[:12]}."

    def wait_until_fixed(self, names: Sequence[str]) -> None:
        """Wait as long as it takes until the code loads. This time does not count."""
        start = time.monotonic()
        while (state := self.read_state()) is None or state.has_failed(names):
            time.sleep(_FIX_POLL_SECONDS)
        self._start += time.monotonic() - start


class _Cluster:
    """The pods of a service. kubectl requests the state of each."""

    def __init__(self, namespace: str, context: str, url: str) -> None:
        self._namespace = namespace
        self._context = context
        self._url = url

    def pods(self) -> list[str]:
        """Return the names of the pods that get requests. Raises SendError."""
        selector = ("--selector", "app.kubernetes.io/name=function", "--output", "json")
        status, output, error = self._kubectl(
            "--namespace", self._namespace, "get", "pods", *selector
        )
        if status:
            reason = (error.splitlines() or [""])[0]
            message = f"{self._url} has several pods, and kubectl can't list them: {reason}"
            raise SendError(message)
        return [
            pod["metadata"]["name"]
            for pod in json.loads(output)["items"]
            if not pod["metadata"].get("deletionTimestamp") and _is_ready(pod)
        ]

    def state(self, pod: str, query: str) -> ServiceState | None:
        """Return what a pod reports, None if it does not respond."""
        path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}:8080/proxy{STATE_PATH}"
        status, output, _ = self._kubectl("get", "--raw", path + (f"?{query}" if query else ""))
        return None if status else ServiceState.parse(output)

    def _kubectl(self, *args: str) -> tuple[int, str, str]:
        import subprocess  # noqa: PLC0415  # only clusters need it

        command = ("kubectl", "--context", self._context, "--request-timeout", "10s", *args)
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the user's own kubectl
        except FileNotFoundError as error:
            message = f"{self._url} has several pods, and kubectl is missing: install it"
            raise SendError(message) from error
        return done.returncode, done.stdout, done.stderr


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
