"""scripts/deploy with a fake aws: the order and the effect of its calls."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import boto3
import pytest

from support.project import REPOSITORY, write_project

FUNCTION = "1.ecr/f:0\\tarm64"
PLATFORM = {"os": "linux", "architecture": "arm64"}
INDEX = json.dumps({"manifests": [{"digest": "sha256:a", "platform": PLATFORM}]})
AWS = f"""#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
    "$FAILS"*) exit 254 ;;
    "lambda get-function "*) printf '{FUNCTION}\\n' ;;
    "lambda publish-version "*) echo 8 ;;
    "lambda get-alias "*) [ "$OLD" ] || exit 254; echo "$OLD" ;;
    "lambda invoke "*)
        while [ "$1" != --payload ]; do shift; done
        echo '"the response"' >"$3"
        echo "${{ERROR:-None}}" ;;
esac
"""
DOCKER = f"""#!/bin/sh
case "$*" in
    *inspect*) echo '{INDEX}' ;;
esac
"""
FAILED = "Unhandled"


@pytest.fixture
def deploy(tmp_path: Path) -> "Deploy":
    for name, body in (("aws", AWS), ("docker", DOCKER)):
        (tmp_path / name).write_text(body)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "calls").touch()
    shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts")
    return Deploy(tmp_path)


class Deploy:
    def __init__(self, tools: Path) -> None:
        self._tools = tools
        self.calls: list[str] = []
        self.event = ""

    def __call__(
        self,
        *names: str,
        old: str = "",
        error: str = "",
        fails: str = "nothing",
        events: Sequence[str] = ("event",),
    ) -> subprocess.CompletedProcess[str]:
        write_project(self._tools, {f"events/{name}.json": "{}" for name in events})
        done = subprocess.run(
            [self._tools / "scripts/deploy", "ghcr.io/o/r@sha256:b", *(names or ("f",))],
            env={
                "PATH": f"{self._tools}:/usr/local/bin:/usr/bin:/bin",
                "CALLS": str(self._tools / "calls"),
                "OLD": old,
                "ERROR": error,
                "FAILS": fails,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        calls = (self._tools / "calls").read_text()
        self.event = "".join(re.findall(r"--payload file://(\S+)", calls))
        lambdas = re.findall(r"^lambda (\S+(?: f\S+-v2)?)", calls, re.MULTILINE)
        self.calls = [call for call in lambdas if call not in {"get-function", "get-alias"}]
        return done


def test_successful_version_gets_the_alias_and_rollback_is_printed(
    deploy: Deploy,
) -> None:
    done = deploy(old="7")

    assert done.returncode == 0, done.stderr
    assert '"the response"' in done.stdout
    assert done.stdout.endswith("update-alias --function-name f --name live --function-version 7\n")
    assert deploy.calls == [
        "update-function-code",
        "wait function-updated-v2",
        "publish-version",
        "wait",
        "invoke",
        "update-alias",
    ]


def test_failed_version_does_not_get_the_alias(deploy: Deploy) -> None:
    done = deploy(old="7", error=FAILED)

    assert done.returncode == 1
    assert "The alias live stays at 7." in done.stderr
    assert "update-alias" not in deploy.calls


def test_first_deployment_creates_the_alias(deploy: Deploy) -> None:
    done = deploy()

    assert done.returncode == 0, done.stderr
    assert deploy.calls[-1] == "create-alias"


@pytest.mark.parametrize("call", ["lambda update-function-code", "lambda wait function-updated"])
def test_code_that_aws_rejects_is_not_published(deploy: Deploy, call: str) -> None:
    """Publishing would publish the previous code."""
    done = deploy(old="7", fails=call)

    assert done.returncode != 0
    assert "publish-version" not in deploy.calls


@pytest.mark.parametrize(
    ("events", "event"),
    [
        (("a", "event"), "event"),
        (("a", "b"), "a"),
        (("event", "first/a", "first/event"), "first/event"),
        (("event", "first/b", "second/a"), "first/b"),
    ],
)
def test_version_is_invoked_with_an_event_of_its_function(
    deploy: Deploy, events: tuple[str, ...], event: str
) -> None:
    done = deploy("f", "first", events=events)

    assert done.returncode == 0, done.stderr
    assert deploy.event == f"events/{event}.json"


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("f", "first"), "events/first/event.json"),
        (("", "first"), "Set the release variable AWS_FUNCTION"),
    ],
    ids=["no event", "no function"],
)
def test_deployment_without_event_or_function_is_refused(
    deploy: Deploy, names: tuple[str, ...], why: str
) -> None:
    done = deploy(*names, events=())

    assert (done.returncode, deploy.calls) == (1, [])
    assert why in done.stderr


def test_role_has_exactly_the_permissions_of_the_script() -> None:
    """AWS's model of each waiter names its operation."""
    statements = json.loads(Path(".github/aws/permissions.json").read_text())["Statement"]
    allowed = {
        action for statement in statements for action in statement["Action"] if "lambda:" in action
    }
    script = Path("scripts/deploy").read_text()
    client = boto3.client("lambda", region_name="us-east-1")
    commands = set(re.findall(r"aws lambda (?!wait)([a-z-]+)", script))
    waiters = set(re.findall(r"aws lambda wait ([a-z0-9-]+)", script))
    operations = {command.title().replace("-", "") for command in commands}
    operations |= {client.get_waiter(name.replace("-", "_")).config.operation for name in waiters}

    assert allowed == {
        "lambda:InvokeFunction" if name == "Invoke" else f"lambda:{name}" for name in operations
    }
