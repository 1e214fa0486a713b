"""The documents name only commands, programs, paths and links that exist."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.environment.support.make import targets

NAMES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "AGENTS.md"]
NAMES += [str(path) for path in sorted(Path("docs").glob("*.md"))]
NAMES += ["packages/lambda-live/README.md"]
DOCUMENTS = [Path(name) for name in NAMES]
FUNCTIONS = ("events/", "lambda_app/", "tests/lambda_app/", "poetry.lock")
"""The paths of the example function; a user puts their own in their place."""
CREATED = (".cache/", ".env", "cdk.out", "dist/", "tilt_config.json", "samconfig.toml", "uv.lock")
"""Paths that commands or users create."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_make_target_exists(document: Path) -> None:
    named = re.findall(r"(?:^|`|\$ )make ([a-z][a-z0-9-]*)", document.read_text(), re.MULTILINE)

    assert set(named) <= targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_script_exists_and_is_executable(document: Path) -> None:
    named = set(re.findall(r"(?<![\w./-])((?:scripts|\.ci)/[\w-]+)", document.read_text()))

    assert [name for name in sorted(named) if not os.access(name, os.X_OK)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_path_exists(document: Path) -> None:
    named = re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:md|toml|yaml|json))`", document.read_text())

    named = [name for name in named if not re.search("[A-Z]{4}", name)]  # a placeholder
    others = CREATED if Path("lambda_app").is_dir() else (*CREATED, *FUNCTIONS)
    expected = [name for name in named if not name.startswith(others)]
    roots = (Path(), document.parent, Path("packages/lambda-live/src/lambda_live"))
    assert [n for n in expected if not any((root / n).exists() for root in roots)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_readme_names_the_main_targets() -> None:
    readme = Path("README.md").read_text()
    if not readme.startswith("# lambda-dev\n"):
        pytest.skip("the README belongs to the user's own function")

    assert {"up", "down", "test", "check", "lint", "e2e"} <= set(re.findall(r"make (\w+)", readme))


def test_make_help_fits_24_rows_of_80_columns() -> None:
    output = subprocess.run(["make", "help"], capture_output=True, text=True, check=True).stdout
    rows = output.splitlines()
    assert targets() <= {*re.findall(r"[a-z0-9-]+", output)}
    assert len(rows) < 24  # one row is the prompt
    assert max(map(len, rows)) < 80
