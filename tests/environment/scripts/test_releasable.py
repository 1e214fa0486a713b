import shutil
import subprocess
from pathlib import Path

import pytest

from support.project import REPOSITORY, write_project

PROJECT = '[project]\nversion = "{}"\n'
CHANGELOG = "## [{}] - {}\n\n### Added\n\n- All.\n"


class Checkout:
    """A repository whose origin/main is its first commit."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("changelog", "releasable"):
            (directory / "scripts").mkdir(exist_ok=True)
            shutil.copy2(REPOSITORY / "scripts" / name, directory / "scripts")
        self.git("init", "--quiet")

    def git(self, *args: str) -> None:
        name = ("-c", "user.name=n", "-c", "user.email=e")
        subprocess.run(["git", *name, *args], cwd=self.directory, check=True)

    def commit(self, version: str, date: str = "2026-01-31") -> None:
        files = {
            "pyproject.toml": PROJECT.format(version),
            "CHANGELOG.md": CHANGELOG.format(version, date),
        }
        write_project(self.directory, files)
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", version)

    def releasable(self, tag: str) -> subprocess.CompletedProcess[str]:
        script = self.directory / "scripts/releasable"
        return subprocess.run([script, tag], capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize(("version", "latest"), [("1.2.0", "true"), ("1.2.0-rc.1", "false")])
def test_version_of_main_is_releasable_and_pre_release_is_not_latest(
    version: str, latest: str, checkout: Checkout
) -> None:
    checkout.commit(version)
    checkout.git("tag", f"v{version}")
    checkout.git("update-ref", "refs/remotes/origin/main", "HEAD")

    released = checkout.releasable(f"v{version}")

    assert released.returncode == 0
    assert released.stdout.splitlines() == [f"version={version}", f"latest={latest}"]


def test_tag_that_differs_from_the_version_is_refused(checkout: Checkout) -> None:
    checkout.commit("1.2.0")

    refused = checkout.releasable("v1.2.1")

    assert refused.returncode == 1
    assert "Use v1.2.0" in refused.stderr


def test_missing_tag_is_refused(checkout: Checkout) -> None:
    checkout.commit("1.2.0")

    assert "tag v1.2.0 does not exist" in checkout.releasable("v1.2.0").stderr


def test_commit_outside_main_is_refused(checkout: Checkout) -> None:
    checkout.commit("1.1.0")
    checkout.git("update-ref", "refs/remotes/origin/main", "HEAD")
    checkout.commit("1.2.0")
    checkout.git("tag", "v1.2.0")

    refused = checkout.releasable("v1.2.0")

    assert refused.returncode == 1
    assert "not on origin/main" in refused.stderr


def test_version_without_a_date_is_refused(checkout: Checkout) -> None:
    checkout.commit("1.2.0", "Unreleased")
    checkout.git("tag", "v1.2.0")
    checkout.git("update-ref", "refs/remotes/origin/main", "HEAD")

    refused = checkout.releasable("v1.2.0")

    assert refused.returncode == 1
    assert "Add the date to the section" in refused.stderr
