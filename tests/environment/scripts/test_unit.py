import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from support.program import Program, execute
from support.project import REPOSITORY, write_project
from support.wheel import write_wheel

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


def environ(cache: Path) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(REPOSITORY)}


def unit(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts/unit", "-p", "no:cacheprovider"],
        env=environ(checkout / ".cache"),
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


def test_unit_tests_can_import_the_functions_requirements(tmp_path: Path) -> None:
    ended = unit(checkout_of(tmp_path, FILES))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("shop/requirements.txt", "./nothing-here\n", "nothing-here"),
        ("template.yaml", "Resources: [", "template.yaml:2: invalid YAML"),
    ],
)
def test_unit_reports_why_tests_cannot_run(tmp_path: Path, file: str, text: str, why: str) -> None:
    ended = unit(checkout_of(tmp_path, {**FILES, file: text}))

    assert ended.returncode == 2
    assert why in ended.stderr


def test_make_watch_reruns_after_a_save_of_code_or_requirements(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    checkout = checkout_of(tmp_path, FILES)
    write_wheel(checkout / "shop", "wares", "2")
    shutil.copy2(REPOSITORY / "Makefile", checkout)
    command = ["make", "--assume-old=.venv/.installed", "watch"]
    with ExitStack() as ends:
        cache = tmp_path_factory.mktemp("cache")
        watch = Program(partial(execute, command), checkout, environ(cache))
        ends.callback(watch.kill)
        watch.wait_for_line("1 passed")

        (checkout / "shop/requirements.txt").write_text("./wares-2-py3-none-any.whl\n")
        watch.wait_for_line("1 failed")

        test = checkout / "tests/shop/test_app.py"
        test.write_text(test.read_text().replace("0.0.1", "2"))
        watch.wait_for_line("1 passed", 2)
