"""What the project says of its own code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

MOST_LINES = 150
FOLDERS = ("lambda_local", "lambda_app", "bench", "tests")


def modules() -> Iterator[Path]:
    return (path for folder in FOLDERS for path in Path(folder).rglob("*.py"))


def test_a_class_has_at_most_150_lines() -> None:
    lengths = {
        f"{path}: {node.name}": node.end_lineno - node.lineno + 1
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and node.end_lineno
    }
    assert lengths
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


@pytest.fixture
def rooms() -> set[str]:
    """Return what CONTRIBUTING's tree names below `lambda_local/`."""
    tree = Path("CONTRIBUTING.md").read_text(encoding="utf-8").split("```")[1]
    own = tree.split("lambda_local/\n")[1].split("tests/")[0]
    return set(re.findall(r"^ {2}(\w.*?) {2,}", own, re.MULTILINE))


def test_contributing_shows_every_room(rooms: set[str]) -> None:
    named = {name.strip("/") for row in rooms for name in row.split(", ")}
    there = {
        path.stem
        for path in Path("lambda_local").iterdir()
        if path.name not in ("__init__.py", "py.typed") and path.name[0] != "."
    }
    assert named == there - {"__pycache__"}
