"""Running `scripts/check` with a function whose responses are in its events."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from support.lambda_service import environment
from support.project import REPOSITORY, write_project

RETURNS_RESPONSE = """
import json

def handler(event, context):
    if "requestContext" in event:
        request = event
        event = json.loads(request.get("body") or "null") or {"response": request}
    if "printed" in event:
        print(event["printed"])
    if "raised" in event:
        raise ValueError(event["raised"])
    return event["response"]
"""


def copy_scripts(project: Path) -> None:
    """Copy the scripts and their settings; link the Python that they run."""
    shutil.copytree(REPOSITORY / "scripts", project / "scripts")
    shutil.copy2(REPOSITORY / "machine.env", project)
    (project / ".venv").symlink_to(REPOSITORY / ".venv")


class Checks:
    """A project with the code of a service that runs `RETURNS_RESPONSE`."""

    def __init__(self, project: Path, code: Path, url: str) -> None:
        self.project = project
        self._url = url
        shutil.copytree(code, project / code.name, ignore=shutil.ignore_patterns("__pycache__"))
        copy_scripts(project)

    def write(self, name: str, response: object, expected: object = None, **event: Any) -> None:
        """Write an event that has this response, and an expected response unless that is None."""
        files = {f"events/{name}.json": json.dumps({"response": response, **event})}
        if expected is not None:
            text = expected if isinstance(expected, bytes) else json.dumps(expected).encode()
            files[f"events/expected/{name}.json"] = text.decode()
        write_project(self.project, files)

    def write_request(self, name: str, request: str, expected: str | None = None) -> None:
        """Write an HTTP request, and its expected response unless that is None."""
        files = {f"events/{name}.http": request}
        if expected is not None:
            files[f"events/expected/{name}.http"] = expected
        write_project(self.project, files)

    def expected(self, name: str) -> str:
        name = name if "." in name else f"{name}.json"
        return (self.project / "events/expected" / name).read_text()

    def run(
        self, *args: str, script: str = "check", **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `scripts/check`, or another."""
        return subprocess.run(
            [f"scripts/{script}", "--url", self._url, *args],
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
            env=environment() | env,
        )

    def rows(self, *args: str) -> list[str]:
        """Run `scripts/check`; return the lines that it prints."""
        done = self.run(*args)
        assert done.stderr == ""
        return done.stdout.splitlines()


def proxy(body: str, status: int = 200) -> dict[str, object]:
    return {"statusCode": status, "body": body}
