"""The repository, and the projects that tests write."""

from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
REPOSITORY = PACKAGE.parents[1]
HANDLER = "function.app.handler"
RUNS_ITS_EVENT = """
def handler(event, context):
    scope = {"event": event, "context": context}
    exec(event["code"], scope)
    return scope.get("reply")
"""


def machine() -> dict[str, str]:
    """Return the settings of machine.env."""
    lines = (REPOSITORY / "machine.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def write_project(directory: Path, files: Mapping[str, str]) -> None:
    """Write files, named relative to the directory."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
