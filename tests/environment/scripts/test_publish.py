"""scripts/publish with a fake docker: what it builds, names and joins."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.project import REPOSITORY, write_project

# Each image has its own digest, which identifies it when the platforms are joined.
DOCKER = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
    *"imagetools inspect"*) for last; do :; done; printf "$DIGEST" "index-of-$last" ;;
    *"$FAILS"*) exit 1 ;;
    *--metadata-file*)
        for word; do
            case $word in FUNCTION=*) digest=${word#FUNCTION=} ;; esac
            [ "$before" != --metadata-file ] || printf "$DIGEST" "$digest" >"$word"
            before=$word
        done ;;
esac
"""
METADATA = '{"containerimage.digest": "sha256:%s"}'
ONE = """
Resources:
  Only:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: Only, Runtime: python3.12, Handler: app.handler}
"""
TWO = f"{ONE}  Other: {{Type: AWS::Serverless::Function, Properties: {{FunctionName: not-Only,\
 Runtime: python3.12, Handler: app.handler}}}}\n"


class Publish:
    def __init__(self, directory: Path, template: str) -> None:
        self._directory = directory
        self._calls = directory / "calls"
        files = {"template.yaml": template, "app.py": "", "bin/docker": DOCKER}
        files["bin/uname"] = "#!/bin/sh\necho x86_64\n"
        files["bin/git"] = "#!/bin/sh\necho https://github.com/o/r\n"
        files[".venv/bin/python"] = (
            f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {sys.executable} "$@"\n'
        )
        write_project(directory, files)
        for program in ("bin/docker", "bin/git", "bin/uname", ".venv/bin/python"):
            (directory / program).chmod(0o755)
        shutil.copytree(REPOSITORY / "scripts", directory / "scripts")
        for name in ("Dockerfile", "machine.env"):
            shutil.copy(REPOSITORY / name, directory)

    def __call__(self, *args: str, fails: str = "nothing") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._directory / "scripts/publish", *args],
            env={
                "PATH": f"{self._directory}/bin:/usr/local/bin:/usr/bin:/bin",
                "CALLS": str(self._calls),
                "DIGEST": '{"digest": "sha256:%s"}' if args[0] == "join" else METADATA,
                "FAILS": fails,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, kind: str) -> list[str]:
        return [line for line in self._calls.read_text().splitlines() if kind in line]


@pytest.fixture
def one(tmp_path: Path) -> Publish:
    return Publish(tmp_path, ONE)


@pytest.fixture
def two(tmp_path: Path) -> Publish:
    return Publish(tmp_path, TWO)


def images(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.removeprefix("images="))


def test_single_function_has_the_image_name_without_suffix(one: Publish) -> None:
    pushed = one("push", "ghcr.io/Owner/r")

    assert pushed.stdout == "amd64=Only=ghcr.io/owner/r@sha256:Only\n"
    (build,) = one.calls("buildx build")
    assert "type=image,name=ghcr.io/owner/r,push-by-digest=true" in build


def test_each_function_has_its_own_image(two: Publish) -> None:
    pushed = two("push", "ghcr.io/Owner/r")

    assert pushed.stdout == (
        "amd64=Only=ghcr.io/owner/r/only@sha256:Only"
        " not-Only=ghcr.io/owner/r/not-only@sha256:not-Only\n"
    )
    first, second = two.calls("buildx build")
    assert "--build-arg FUNCTION=Only " in first
    assert "--build-arg FUNCTION=not-Only " in second


def test_function_with_its_own_dockerfile_is_skipped(tmp_path: Path) -> None:
    image = "  Work:\n    Type: AWS::Serverless::Function\n    Properties: {PackageType: Image}\n"
    image += "    Metadata: {DockerContext: work}\n"
    dockerfile = 'FROM public.ecr.aws/lambda/python:3.12\nCOPY . .\nCMD ["app.handler"]\n'
    write_project(tmp_path, {"work/Dockerfile": dockerfile, "work/app.py": ""})

    pushed = Publish(tmp_path, ONE + image)("push", "ghcr.io/Owner/r")

    message = "publish: Work has its own Dockerfile and is skipped. Build work/Dockerfile\n"
    assert pushed.stdout == "amd64=Only=ghcr.io/owner/r@sha256:Only\n"
    assert pushed.stderr.startswith(message)
    alone = Publish(tmp_path / "alone", f"Resources:\n{image}".replace("work}", "../work}"))
    refused = alone("push", "ghcr.io/Owner/r")
    assert (refused.returncode, refused.stdout) == (1, "")


def test_failed_push_stops(two: Publish) -> None:
    pushed = two("push", "ghcr.io/o/r", fails="FUNCTION=Only")

    assert (pushed.returncode, pushed.stdout) == (1, "")
    assert len(two.calls("buildx build")) == 1


def test_images_of_platforms_are_joined_per_function(two: Publish) -> None:
    amd64 = "Only=g/r/only@sha256:1 not-Only=g/r/not-only@sha256:2"
    arm64 = "Only=g/r/only@sha256:3 not-Only=g/r/not-only@sha256:4"

    joined = images(two("join", "0.1.0", "latest", "--", amd64, arm64))

    assert joined == [
        {
            "function": function,
            "name": name,
            "digest": f"sha256:index-of-{name}:0.1.0",
            "image": f"{name}@sha256:index-of-{name}:0.1.0",
        }
        for function, name in (("Only", "g/r/only"), ("not-Only", "g/r/not-only"))
    ]
    first, second = two.calls("imagetools create")
    assert "--tag g/r/only:0.1.0 --tag g/r/only:latest " in first
    assert first.endswith(" g/r/only@sha256:1 g/r/only@sha256:3")
    assert second.endswith(" g/r/not-only@sha256:2 g/r/not-only@sha256:4")


def test_failed_join_stops(one: Publish) -> None:
    joined = one("join", "0.1.0", "", "--", "Only=g/r@sha256:1", fails="imagetools create")

    assert (joined.returncode, joined.stdout) == (1, "")
    assert "latest" not in one.calls("imagetools create")[0]


def test_invalid_template_is_reported_and_nothing_is_built(tmp_path: Path) -> None:
    publish = Publish(tmp_path, ONE.replace("app.handler", "nothing.handler"))

    pushed = publish("push", "ghcr.io/o/r")

    assert pushed.returncode == 2
    assert "template.yaml:5: " in pushed.stderr
    assert not (tmp_path / "calls").exists()
