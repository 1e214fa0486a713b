import re
import subprocess
import sys
from pathlib import Path

HADOLINT = Path(sys.executable).with_name("hadolint")
DOCKERFILE = Path("Dockerfile").read_text()


def stage(name: str) -> str:
    return re.split(r"^FROM .* AS ", DOCKERFILE, flags=re.MULTILINE)[
        [*re.findall(r"^FROM .* AS (\w+)$", DOCKERFILE, re.MULTILINE)].index(name) + 1
    ]


def test_hadolint_has_nothing_to_say() -> None:
    linted = subprocess.run([HADOLINT, "Dockerfile"], capture_output=True, text=True, check=False)

    assert linted.returncode == 0, linted.stdout


def test_every_stage_is_on_the_base_that_aws_lambda_runs() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert set(bases) == {"public.ecr.aws/lambda/python:3.12"}


def test_the_function_image_gets_its_dependencies_and_its_code_alone() -> None:
    steps = re.findall(r"^(COPY|ADD|RUN) (.*)$", stage("function"), re.MULTILINE)

    assert steps == [
        ("COPY", "--from=dependencies /main $LAMBDA_TASK_ROOT"),
        ("COPY", "lambda_app $LAMBDA_TASK_ROOT/lambda_app"),
    ]


def test_dependencies_are_installed_before_the_code_is_copied() -> None:
    assert "lambda_app" not in stage("dependencies")
    assert "--require-hashes" in stage("dependencies")


def test_the_local_image_runs_as_the_user_that_owns_the_code() -> None:
    user = re.search(r"^USER (\S+)", stage("local"), re.MULTILINE)

    assert user
    assert f"COPY --from=function --chown={user[1]} " in stage("local")
