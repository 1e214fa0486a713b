"""The repository, and the projects that tests write."""

import shutil
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CHECKOUT = REPOSITORY / "tests/support/checkout"
"""A function with its events, in the place of the repository's own."""
HANDLER = "function.app.handler"
RUNS_ITS_EVENT = """
def handler(event, context):
    scope = {"event": event, "context": context}
    exec(event["code"], scope)
    return scope.get("reply")
"""


def copy_checkout(directory: Path, checkout: Path = CHECKOUT) -> Path:
    """Fill a directory with a function, its events and this repository's scripts; return it."""
    for part in ("lambda_app", "events"):
        shutil.copytree(checkout / part, directory / part)
    shutil.copytree(REPOSITORY / "scripts", directory / "scripts")
    return directory


def write_project(directory: Path, files: Mapping[str, str]) -> None:
    """Write files, named relative to the directory."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
