"""Running `scripts/check` on answers that the events themselves bring along."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.support.local_lambda import environment
from tests.support.project import REPOSITORY, write_project

ANSWERS = """
def handler(event, context):
    if "printed" in event:
        print(event["printed"])
    if "raised" in event:
        raise ValueError(event["raised"])
    return event["answer"]
"""


class Checks:
    """A project of its own, whose code is that of a service that runs `ANSWERS`."""

    def __init__(self, project: Path, code: Path, url: str) -> None:
        self.project = project
        self._url = url
        shutil.copytree(code, project / code.name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(REPOSITORY / "scripts", project / "scripts")
        shutil.copy2(REPOSITORY / "machine.env", project)

    def write(self, name: str, answer: object, expected: object = None, **event: Any) -> None:
        """Write an event that is answered so, and what is expected unless that is None."""
        files = {f"events/{name}.json": json.dumps({"answer": answer, **event})}
        if expected is not None:
            text = expected if isinstance(expected, bytes) else json.dumps(expected).encode()
            files[f"events/expected/{name}.json"] = text.decode()
        write_project(self.project, files)

    def expected(self, name: str) -> str:
        return (self.project / f"events/expected/{name}.json").read_text()

    def run(self, *args: str, bash: str = "", path: str = "") -> subprocess.CompletedProcess[str]:
        """Run `scripts/check`, with another bash or other tools if they are given."""
        return subprocess.run(
            [*([bash] if bash else []), "scripts/check", "--url", self._url, *args],
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
            env=environment() | ({"PATH": path} if path else {}),
        )

    def rows(self, *args: str) -> list[str]:
        """Return what it prints."""
        done = self.run(*args)
        assert done.stderr == ""
        return done.stdout.splitlines()


def proxy(body: str, status: int = 200) -> dict[str, object]:
    return {"statusCode": status, "body": body}
