import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lambda_live.code.code_files import EXCLUDED_NAMES

HADOLINT = Path(sys.executable).with_name("hadolint")
DOCKERFILE = Path("Dockerfile").read_text()


STAGES = re.findall(r"^FROM .* AS (\w+)$", DOCKERFILE, re.MULTILINE)


def stage(name: str) -> str:
    parts = re.split(r"^FROM .* AS ", DOCKERFILE, flags=re.MULTILINE)
    return parts[STAGES.index(name) + 1]


@pytest.mark.parametrize("file", ["Dockerfile", "k8s/aws/Dockerfile"])
def test_hadolint_reports_no_problem(file: str) -> None:
    linted = subprocess.run([HADOLINT, file], capture_output=True, text=True, check=False)

    assert linted.returncode == 0, linted.stdout


def test_every_stage_uses_the_base_image() -> None:
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    (default,) = re.findall(r"^ARG BASE_IMAGE=([^@\n]+)", DOCKERFILE, re.MULTILINE)

    assert bases - set(STAGES) == {"${BASE_IMAGE}"}
    assert default == "public.ecr.aws/lambda/python:3.12"


def test_function_stage_is_last_and_copies_only_what_ships() -> None:
    steps = re.findall(r"^(COPY|ADD|RUN) (.*)$", stage("function"), re.MULTILINE)

    assert STAGES[-1] == "function"
    assert steps == [
        ("COPY", "--from=dependencies /task $LAMBDA_TASK_ROOT"),
        ("COPY", "--from=shipped /function/opt /opt"),
        ("COPY", "--from=shipped /function/handler /"),
        ("COPY", "--from=shipped /function/code $LAMBDA_TASK_ROOT"),
    ]


def test_dockerfile_names_no_function() -> None:
    for name in ("lambda_app", "lambda_handler"):
        assert name not in DOCKERFILE
        assert name not in Path(".dockerignore").read_text()


@pytest.mark.parametrize("file", [".dockerignore", ".tiltignore"])
def test_image_and_sync_have_the_files_of_the_code_hash(file: str) -> None:
    lines = set(Path(file).read_text().splitlines())

    assert {line for line in lines if line.startswith("**/")} - {
        "**/cdk.out",
        "**/node_modules",
    } == {f"**/{name}" for name in EXCLUDED_NAMES if name not in ("cdk.out", "node_modules")}


def test_image_tools_are_installed_with_hashes() -> None:
    assert "--require-hashes" in stage("tools")


def test_local_image_runs_as_the_owner_of_the_code() -> None:
    user = re.search(r"^USER (\S+)", stage("local"), re.MULTILINE)

    assert user
    assert f"COPY --chown={user[1]} . " in stage("local")


def test_lock_files_are_readable_before_anything_is_installed(tmp_path: Path) -> None:
    script = "packages/lambda-live/src/lambda_live/dependencies/lock_files.py"
    shutil.copy(script, tmp_path)

    alone = [
        sys.executable,
        "-I",
        "-S",
        "lock_files.py",
        str(Path("poetry.lock").absolute()),
        "local",
    ]
    printed = subprocess.run(alone, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert printed.returncode == 0, printed.stderr
    assert "awslambdaric==" in printed.stdout
