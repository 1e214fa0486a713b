"""A copy of the repository that tests edit, and Tilt running in it."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.project import REPOSITORY, machine
from support.waiting import wait_until
from tests.cluster.support.load import EVENT, invoke

URL = f"http://127.0.0.1:{machine()['FUNCTION_PORT']}"
CODE = "greeting/app.py"
TEXT = "The received message is"
"""The start of the function's response, which tests edit."""
PROJECT = Path(__file__).parent / "project"
OWN = ("template.yaml", "lambda_app", "events", "tests")
"""Files of the repository's own function, which are not copied."""
DEADLINE = 120.0
"""Seconds to wait for a condition. Building an image takes less."""


def output(*command: str | Path, cwd: Path = REPOSITORY) -> str:
    """Return the output of a command that must succeed."""
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


class Workspace:
    """
    A copy of the repository with uncommitted changes, and with a function for the tests.

    With a namespace of its own it can run beside others, on ports of its own.
    """

    def __init__(self, directory: Path, project: Path = PROJECT, namespace: str = "lambda") -> None:
        self.directory = directory
        self.namespace = namespace
        self.ports = {}
        if namespace != "lambda":
            names = ("FUNCTION_PORT", "LAMBDA_LIVE_ADMIN_PORT", "AWS_PORT")
            self.ports = {name: str(free_port()) for name in names}
        listed = output("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
        for name in filter(None, listed.split("\0")):
            if (source := REPOSITORY / name).is_file() and Path(name).parts[0] not in OWN:
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, directory / name)
        shutil.copytree(project, directory, dirs_exist_ok=True)
        (directory / ".venv").symlink_to(REPOSITORY / ".venv")
        if self.ports:
            (directory / "tilt_config.json").write_text(json.dumps({"namespace": namespace}))

    @property
    def url(self) -> str:
        """The URL of the function."""
        return f"http://127.0.0.1:{self.ports['FUNCTION_PORT']}" if self.ports else URL

    def invoke(self, event: bytes = EVENT) -> bytes:
        """Return the function's response."""
        return invoke(self.url, event)[1]

    def pods(self) -> dict[str, dict[str, Any]]:
        """Return the function's pods that are not terminating, by name."""
        return pods(self.namespace)

    def delete_namespace(self) -> None:
        """Delete what the tests deployed."""
        output(
            "kubectl", "delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false"
        )

    def write(self, name: str, text: str) -> None:
        """Replace a file at once, as editors do."""
        new = self.directory / f".{Path(name).name}.new"
        new.write_text(text)
        new.replace(self.directory / name)

    def read(self, name: str) -> str:
        return (self.directory / name).read_text()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file that must contain it."""
        text = self.read(name)
        assert old in text, f"no {old!r} in {name}"
        self.write(name, text.replace(old, new))

    def ci(self, *settings: str) -> subprocess.CompletedProcess[str]:
        """Run `tilt ci` without monitoring."""
        return subprocess.run(
            ["tilt", "ci", "--port", str(free_port()), "--", "--monitoring=false", *settings],
            cwd=self.directory,
            env=os.environ | self.ports,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


class Tilt:
    """Runs `tilt up` in a workspace, without monitoring, within a `with` block."""

    def __init__(self, workspace: Workspace, *settings: str, **environ: str) -> None:
        self._workspace = workspace
        self._environ = os.environ | workspace.ports | environ
        self._port = str(free_port())
        self._settings = settings
        self._log = workspace.directory / ".cache" / "tilt.log"  # Tilt does not watch it

    def __enter__(self) -> Self:
        self._log.parent.mkdir(exist_ok=True)
        with self._log.open("w") as output:
            self._process = subprocess.Popen(
                [
                    "tilt",
                    "up",
                    "--stream",
                    "--port",
                    self._port,
                    "--",
                    "--monitoring=false",
                    *self._settings,
                ],
                cwd=self._workspace.directory,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self.is_green, f"every resource is green; see {self._log}", DEADLINE)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Pause Tilt within the block, as if it were slow."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """Return the output of Tilt."""
        return self._log.read_text()

    def statuses(self) -> dict[str, str]:
        """Return ok, pending, in_progress or error for each resource."""
        listed = subprocess.run(
            ["tilt", "get", "uiresources", "--port", self._port, "--output", "json"],
            check=False,
            capture_output=True,
            text=True,
        )
        if listed.returncode:
            return {}
        return {
            item["metadata"]["name"]: _status(item["status"])
            for item in json.loads(listed.stdout)["items"]
        }

    def trigger(self, resource: str) -> None:
        """Click the button that updates a resource."""
        output("tilt", "trigger", resource, "--port", self._port)

    def is_green(self) -> bool:
        """Return whether every resource is green, the function among them."""
        statuses = self.statuses()
        return "function" in statuses and set(statuses.values()) == {"ok"}

    def wait_until_green(self) -> None:
        """Wait until every resource is green; name the others if the time is over."""
        try:
            wait_until(self.is_green, "every resource is green", DEADLINE)
        except AssertionError as error:
            others = {name: each for name, each in self.statuses().items() if each != "ok"}
            error.add_note(f"not green: {others}; the log ends with:\n{self.log()[-3000:]}")
            raise

    def is_at_rest(self) -> bool:
        """Return whether no resource is pending or in progress."""
        statuses = self.statuses()
        return "function" in statuses and {*statuses.values()} <= {"ok", "error"}


def _status(status: dict[str, Any]) -> str:
    # Right after the Tiltfile ran, Tilt lists its resources without a status.
    both = {status.get("updateStatus", "pending"), status.get("runtimeStatus", "pending")}
    for worst in ("error", "in_progress", "pending"):
        if worst in both:
            return worst
    return "ok"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def pods(namespace: str = "lambda") -> dict[str, dict[str, Any]]:
    """Return the function's pods by name, without those that are terminating."""
    listed = output(
        *("kubectl", "--namespace", namespace, "get", "pods", "--output", "json"),
        *("--selector", "app.kubernetes.io/name=function"),
    )
    return {
        pod["metadata"]["name"]: pod
        for pod in json.loads(listed)["items"]
        if "deletionTimestamp" not in pod["metadata"]
    }
