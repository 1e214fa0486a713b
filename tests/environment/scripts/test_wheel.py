"""The wheel that `uvx lambda-live` would install."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.project import PACKAGE, REPOSITORY


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    directory = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        ["scripts/wheel", directory], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return zipfile.Path(Path(built.stdout.rstrip()))


def test_wheel_has_code_and_page_and_no_hidden_files(wheel: zipfile.Path) -> None:
    names = [each.filename for each in wheel.root.infolist() if not each.is_dir()]
    shipped = {name for name in names if name.startswith("lambda_live/")}
    root = PACKAGE / "src"
    paths = {path.relative_to(root) for path in (root / "lambda_live").rglob("*") if path.is_file()}
    visible = {str(path) for path in paths if not re.search(r"(^|/)\.|__pycache__", str(path))}

    assert {"lambda_live/__main__.py", "lambda_live/ui/static/index.html"} <= shipped
    assert shipped == visible


def test_wheel_command_is_the_command_line(wheel: zipfile.Path, tmp_path: Path) -> None:
    (entry_points,) = wheel.glob("*.dist-info/entry_points.txt")
    _, _, target = entry_points.read_text().partition("lambda-live=")
    module, function = target.rstrip().split(":")
    program = tmp_path / "lambda-live"
    program.write_text(f"from {module} import {function}; {function}()")

    helped = subprocess.run(
        [sys.executable, program, "--help"],
        env={"PYTHONPATH": str(wheel.root.filename)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert helped.stdout.startswith("Usage: lambda-live "), helped.stderr
