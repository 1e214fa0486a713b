import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.project import REPOSITORY, write_project
from tests.support.wheel import write_wheel

TEMPLATE = """
Resources:
  Shop:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: shop}
"""
FILES = {
    "template.yaml": TEMPLATE,
    "shop/app.py": "import wares\ndef handler(event, context): return wares.version\n",
    "shop/requirements.txt": "./wares-0.0.1-py3-none-any.whl\n",
    "tests/shop/test_app.py": "from shop.app import handler\n"
    "def test_the_wares(): assert handler({}, None) == '0.0.1'\n",
}


def unit(checkout: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_CACHE_HOME": str(checkout / ".cache"), "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [checkout / "scripts/unit", "-p", "no:cacheprovider"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def checkout_of(directory: Path, files: Mapping[str, str]) -> Path:
    write_project(directory, files)
    write_wheel(directory / "shop", "wares")
    shutil.copytree(REPOSITORY / "scripts", directory / "scripts")
    shutil.copy2(REPOSITORY / "pytest.toml", directory)
    (directory / ".venv").symlink_to(REPOSITORY / ".venv")
    return directory


def test_a_functions_own_tests_see_what_it_requires(tmp_path: Path) -> None:
    ended = unit(checkout_of(tmp_path, FILES))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("shop/requirements.txt", "./nothing-here\n", "nothing-here"),
        ("template.yaml", "Resources: [", "template.yaml:2: this is not YAML"),
    ],
)
def test_what_keeps_them_from_it_is_said(tmp_path: Path, file: str, text: str, why: str) -> None:
    ended = unit(checkout_of(tmp_path, {**FILES, file: text}))

    assert ended.returncode == 2
    assert why in ended.stderr
