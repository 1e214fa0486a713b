"""What the README and CONTRIBUTING name is there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.environment.support.make import targets

DOCUMENTS = [
    Path(name) for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "TROUBLESHOOTING.md")
]
NAMES = [document.name for document in DOCUMENTS]
FUNCTIONS = ("events/", "lambda_app/", "tests/lambda_app/")
"""The paths of the function, which who has one of their own puts theirs in place of."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_make_target_is_there(document: Path) -> None:
    named = re.findall(r"(?:^|`|\$ )make ([a-z][a-z0-9-]*)", document.read_text(), re.MULTILINE)

    assert set(named) <= targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_program_of_the_repository_is_there_and_can_be_run(document: Path) -> None:
    named = set(re.findall(r"(?<![\w./-])((?:scripts|\.ci)/[\w-]+)", document.read_text()))

    assert [name for name in sorted(named) if not os.access(name, os.X_OK)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_path_is_there(document: Path) -> None:
    named = re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:md|toml|yaml|json))`", document.read_text())

    # .cache/ is made by what writes there, the others by each developer
    made = (".cache/", "tilt_config.json", "samconfig.toml")
    others = (*made, *(() if Path("lambda_app").is_dir() else FUNCTIONS))
    kept = [name for name in named if not name.startswith(others)]
    assert [name for name in kept if not Path(name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_link_within_the_repository_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())

    assert [link for link in links if not Path(link).exists()] == []


def test_the_readme_names_every_target_that_a_user_wants() -> None:
    readme = Path("README.md").read_text()
    if not readme.startswith("# lambda-dev\n"):
        pytest.skip("it is the function's own, which says what it wants")

    assert {"up", "down", "test", "check", "lint", "e2e"} <= set(re.findall(r"make (\w+)", readme))


def test_what_make_can_do_is_seen_at_once_in_a_terminal_of_24_rows_of_80_columns() -> None:
    told = subprocess.run(["make", "help"], capture_output=True, text=True, check=True).stdout
    rows = told.splitlines()
    assert targets() <= {*re.findall(r"[a-z0-9-]+", told)}
    assert len(rows) < 24  # the prompt has one, too
    assert max(map(len, rows)) < 80
