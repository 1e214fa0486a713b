import shutil
import subprocess
from pathlib import Path

import pytest

from support.project import REPOSITORY, write_project

MARK = "# GENERATED from poetry.lock by scripts/export; use .poetry/bin/poetry add\n"
FUNCTION = "Type: AWS::Serverless::Function, Properties: {Runtime: python3.12, Handler: app.handler"
LOCK = """
[[package]]
name = "one"
version = "1.0"
groups = ["main"]
files = [{file = "a", hash = "sha256:bb"}, {file = "b", hash = "sha256:aa"}]
[metadata]
lock-version = "2.1"
"""
LOCKED = "one==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"


class Checkout:
    """A checkout in which only the function `ours` has generated requirements."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        template = f"""
Resources:
  Ours: {{{FUNCTION}, CodeUri: ours}}}}
  Theirs: {{{FUNCTION}, CodeUri: theirs}}}}
"""
        files = {"template.yaml": template, "poetry.lock": LOCK}
        files |= {"ours/requirements.txt": MARK, "theirs/requirements.txt": "six\n"}
        write_project(directory, files | {"ours/app.py": "", "theirs/app.py": ""})
        shutil.copytree(REPOSITORY / "scripts", directory / "scripts")
        for name in (".venv", "packages"):
            (directory / name).symlink_to(REPOSITORY / name)

    def export(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._directory / "scripts/export", *args], capture_output=True, text=True, check=False
        )

    def __getitem__(self, function: str) -> Path:
        return self._directory / function / "requirements.txt"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_export_writes_only_generated_requirements(checkout: Checkout) -> None:
    stale = checkout.export("--check")
    written = checkout.export()

    assert (stale.returncode, stale.stdout) == (1, "")
    assert "ours/requirements.txt is out of date" in stale.stderr
    assert (written.returncode, written.stderr) == (0, "")
    assert checkout["ours"].read_text() == MARK + LOCKED
    assert checkout["theirs"].read_text() == "six\n"


def test_export_check_ignores_order_and_line_breaks(checkout: Checkout) -> None:
    other = "one==1.0  --hash=sha256:bb \\\n  --hash=sha256:aa\n"
    checkout["ours"].write_text(MARK + other)

    assert checkout.export("--check").returncode == 0
    assert checkout.export().returncode == 0
    assert checkout["ours"].read_text() == MARK + other
