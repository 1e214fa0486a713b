import subprocess
import tomllib
from pathlib import Path

import pytest

VERSION = tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"]


def changelog(version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/changelog", version], capture_output=True, text=True, check=False
    )


def test_changelog_prints_a_section_without_its_heading() -> None:
    printed = changelog(VERSION)

    assert printed.returncode == 0
    assert printed.stdout.startswith("### ")
    assert "## [" not in printed.stdout


@pytest.mark.parametrize("version", ["9.9.9", VERSION[:-1], "0.1.0-rc1"])
def test_changelog_without_the_section_fails(version: str) -> None:
    printed = changelog(version)

    assert printed.returncode == 1
    assert version in printed.stderr
