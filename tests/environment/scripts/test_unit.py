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


def unit(checkout: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts/unit", *args, "-p", "no:cacheprovider"],
        env=environ(checkout / ".cache"),
        capture_output=True,
        text=True,
        check=False,
    )


def checkout_of(directory: Path, files: Mapping[str, str]) -> Path:
    write_project(directory, files)
    write_wheel(directory / "shop", "wares")
    shutil.copytree(REPOSITORY / "scripts", directory / "scripts")
    for name in ("conftest.py", "pytest.toml"):
        shutil.copy2(REPOSITORY / name, directory)
    (directory / ".venv").symlink_to(REPOSITORY / ".venv")
    return directory


def test_unit_tests_can_import_the_functions_requirements(tmp_path: Path) -> None:
    ended = unit(checkout_of(tmp_path, FILES))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


@pytest.mark.parametrize("module", ["queue", "asyncio"])
def test_unit_tests_can_run_beside_a_module_named_as_in_the_standard_library(
    tmp_path: Path, module: str
) -> None:
    ended = unit(checkout_of(tmp_path, {**FILES, f"{module}.py": "raise RuntimeError\n"}))

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


def test_unit_without_tests_folder_skips_the_tests_of_lambda_live(tmp_path: Path) -> None:
    checkout = checkout_of(tmp_path, {**FILES, "shop/test_shop.py": "def test_it(): pass\n"})
    shutil.rmtree(checkout / "tests")
    write_project(checkout, {"packages/lambda-live/tests/test_x.py": "def test_x(): assert 0\n"})

    ended = unit(checkout)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout


@pytest.mark.parametrize(
    ("saved", "error"),
    [
        ("def handler(:\n", "shop/app.py:1: error: SyntaxError: invalid syntax\n"),
        (
            "import waares\n",
            "shop/app.py:1: error: ModuleNotFoundError: No module named 'waares'\n",
        ),
        (
            "def handler(*_):\n  raise KeyError(1)\n",
            "shop/app.py:2: error: KeyError: 1 (2 tests)\n",
        ),
        (
            "def handler(*_): return 1\n",
            "test_app.py:2: error: AssertionError: assert 1 == '0.0.1'",
        ),
    ],
)
def test_quiet_unit_prints_one_line_for_an_error(tmp_path: Path, saved: str, error: str) -> None:
    test = FILES["tests/shop/test_app.py"]
    twice = test + test.replace("the_wares", "the_same_wares").partition("\n")[2]
    files = {**FILES, "shop/app.py": saved, "tests/shop/test_app.py": twice}

    ended = unit(checkout_of(tmp_path, files), "--quiet")

    assert ended.returncode in {1, 2}
    assert error in ended.stdout
    assert len(ended.stdout.splitlines()) < 6


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
