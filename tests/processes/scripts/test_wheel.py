"""The wheel, as `pipx run lambda-local` would get it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.project import REPOSITORY


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    directory = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        ["scripts/wheel", directory], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return zipfile.Path(Path(built.stdout.rstrip()))


def test_it_has_the_code_and_the_page_and_nothing_hidden(wheel: zipfile.Path) -> None:
    names = [each.filename for each in wheel.root.infolist() if not each.is_dir()]
    shipped = {name for name in names if name.startswith("lambda_local/")}
    package = REPOSITORY / "lambda_local"
    sources = [*package.rglob("*.py"), *(package / "page" / "static").iterdir()]

    assert package / "page" / "static" / "index.html" in sources
    assert shipped == {str(path.relative_to(REPOSITORY)) for path in sources}


def test_its_command_is_the_command_line(wheel: zipfile.Path, tmp_path: Path) -> None:
    (entry_points,) = wheel.glob("*.dist-info/entry_points.txt")
    _, _, target = entry_points.read_text().partition("lambda-local=")
    module, function = target.rstrip().split(":")
    program = tmp_path / "lambda-local"
    program.write_text(f"from {module} import {function}; {function}()")

    helped = subprocess.run(
        [sys.executable, program, "--help"],
        env={"PYTHONPATH": str(wheel.root.filename)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert helped.stdout.startswith("usage: lambda-local "), helped.stderr
