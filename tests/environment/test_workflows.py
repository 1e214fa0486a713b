"""The workflows run only commands that a person can run, too."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.documents import read_document
from tests.environment.support.make import targets

WORKFLOWS = sorted(Path(".github/workflows").glob("*.yml"))
PINNED = re.compile(r"uses: (?P<action>[\w./-]+)@(?P<commit>[0-9a-f]{40}) # v\d+\.\d+\.\d+$")
# Programs that are on GitHub's runners or come from mise.toml, not from this repository.
PROGRAMS = {"ctlptl", "docker", "gh", "mkdir", "python3", "tee", "tilt"}


def load(workflow: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = read_document(workflow.read_text())
    return loaded


JOBS = {
    f"{workflow.stem}.{name}": job
    for workflow in WORKFLOWS
    for name, job in load(workflow)["jobs"].items()
}
STEPS = [step for job in JOBS.values() for step in job.get("steps", [])]
COMMANDS = sorted({step["run"] for step in STEPS if "run" in step})


def programs(command: str) -> list[list[str]]:
    """Return the words of each command in a line of shell."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            words.append([])
        else:
            words[-1].append(word)
    return words


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command: str) -> None:
    for program, *arguments in programs(command):
        if program == "make":
            assert {word for word in arguments if word.isalpha()} <= targets()
        elif "/" in program:
            assert Path(program).stat().st_mode & 0o111
        else:
            assert program in PROGRAMS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_step_is_one_command(command: str) -> None:
    assert "\n" not in command
    assert "${{" not in command


def test_every_action_is_pinned_by_commit() -> None:
    uses = [
        line.strip().removeprefix("- ")
        for workflow in WORKFLOWS
        for line in workflow.read_text().splitlines()
        if "uses:" in line and "uses: ./" not in line
    ]

    assert uses
    assert [line for line in uses if not PINNED.match(line)] == []


def test_each_action_has_one_version() -> None:
    pins: dict[str, set[str]] = {}
    for step in STEPS:
        if "uses" in step:
            action, commit = step["uses"].split("@")
            repository = "/".join(action.split("/")[:2])
            pins.setdefault(repository, set()).add(commit)

    assert {action: commits for action, commits in pins.items() if len(commits) > 1} == {}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=str)
def test_workflow_grants_nothing_and_jobs_name_permissions(workflow: Path) -> None:
    loaded = load(workflow)

    assert loaded["permissions"] == {}
    assert all("permissions" in job for job in loaded["jobs"].values())
    assert "cancel-in-progress" in loaded["concurrency"]


def test_checkout_keeps_no_credentials() -> None:
    checkouts = [step for step in STEPS if "actions/checkout@" in step.get("uses", "")]

    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_new_commit_cancels_only_runs_of_its_pull_request() -> None:
    for workflow in ("ci", "audit"):
        concurrency = load(Path(f".github/workflows/{workflow}.yml"))["concurrency"]

        assert concurrency["group"].endswith("github.event.pull_request.number || github.run_id }}")


def test_cache_key_depends_on_its_content() -> None:
    caches = [step for step in STEPS if "actions/cache" in step.get("uses", "")]

    assert [step for step in caches if "hashFiles(" not in step["with"]["key"]] == []
    keys = {step["with"]["key"] for step in caches if step["with"]["path"] == ".cache/layers"}
    assert len(keys) == 1


def test_merge_queue_runs_the_pull_request_jobs() -> None:
    # YAML reads the key `on` as true
    triggers = read_document(Path(".github/workflows/ci.yml").read_text())[True]

    assert {"pull_request", "merge_group"} <= set(triggers)


def test_required_job_needs_every_other_job() -> None:
    jobs = load(Path(".github/workflows/ci.yml"))["jobs"]
    required = jobs.pop("required")

    assert set(required["needs"]) == set(jobs)
    assert required["if"] == "always()"


@pytest.mark.parametrize(
    ("results", "passes"),
    [
        (["success", "success"], True),
        (["success", "failure"], False),
        (["success", "skipped"], False),
        (["cancelled", "success"], False),
    ],
)
def test_required_job_passes_if_every_job_succeeded(results: list[str], *, passes: bool) -> None:
    (step,) = JOBS["ci.required"]["steps"]
    needs = json.dumps({f"job{n}": {"result": r} for n, r in enumerate(results)})

    ended = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", step["run"]],
        env={"NEEDS": needs, "PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
    )

    assert (ended.returncode == 0) is passes


def test_cluster_job_provisions_and_deploys() -> None:
    job = JOBS["ci.cluster"]
    commands = [step["run"] for step in job["steps"] if "run" in step]

    assert "provision the environment and deploy the updated function" in job["name"]
    assert "ctlptl apply -f ctlptl.yaml" in commands
    assert any("tilt ci" in command for command in commands)
    assert "scripts/check --cluster" in commands


RELEASE = load(Path(".github/workflows/release.yml"))["jobs"]


def needs(job: dict[str, Any]) -> set[str]:
    named = job.get("needs", [])
    return {named} if isinstance(named, str) else set(named)


def test_release_runs_ci_first_and_in_order() -> None:
    assert RELEASE["ci"]["uses"].startswith("./.github/workflows/ci.yml")
    assert {name: needs(job) for name, job in RELEASE.items()} == {
        "releasable": set(),
        "ci": {"releasable"},
        "build": {"ci"},
        "image": {"releasable", "build"},
        "attest": {"image"},
        "release": {"releasable", "attest"},
        "wheel": {"ci"},
        "pypi": {"wheel", "release"},
        "deploy": {"releasable", "image", "release"},
    }


def test_image_is_built_and_checked_on_its_own_platform() -> None:
    build = RELEASE["build"]

    runners = {row["architecture"]: row["runner"] for row in build["strategy"]["matrix"]["include"]}
    assert runners == {"amd64": "ubuntu-24.04", "arm64": "ubuntu-24.04-arm"}
    assert "make image" in [step.get("run") for step in build["steps"]]
    assert not any("qemu" in step.get("uses", "") for step in STEPS)


def test_pypi_job_has_no_password_and_builds_nothing() -> None:
    wheel, pypi = RELEASE["wheel"], RELEASE["pypi"]

    assert (pypi["environment"], pypi["permissions"]) == ("pypi", {"id-token": "write"})
    assert not any("run" in step or "password" in step.get("with", {}) for step in pypi["steps"])
    assert wheel["permissions"] == {"contents": "read"}
    assert wheel["if"] == pypi["if"] == "vars.PYPI == 'true'"


def test_deployments_of_a_function_run_one_at_a_time() -> None:
    assert RELEASE["deploy"]["concurrency"] == {
        "group": "deploy-${{ matrix.function }}",
        "cancel-in-progress": False,
    }


@pytest.mark.parametrize("job", ["attest", "deploy"])
def test_image_of_each_function_is_attested_and_deployed(job: str) -> None:
    include = RELEASE[job]["strategy"]["matrix"]["include"]

    assert include == "${{ fromJSON(needs.image.outputs.images) }}"
