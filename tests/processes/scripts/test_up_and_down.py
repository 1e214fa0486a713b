import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = ("docker", "tilt", "ctlptl", "k3d", "kubectl")
ANSWERS_NOT = "exit 1"
NO_SESSION = 'exit $([ "$1" = get ] && echo 1 || echo 0)'


class Machine:
    """A machine with some tools, each of which prints how it was called."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._bin = directory / "bin"
        self._bin.mkdir()
        for name in ("bash", "cat", "dirname"):
            found = shutil.which(name)
            assert found
            (self._bin / name).symlink_to(found)
        (directory / "scripts").mkdir()
        for name in ("up", "down"):
            shutil.copy2(Path("scripts", name), directory / "scripts" / name)
        self._script(directory / ".venv" / "bin" / "python", "python")
        self.install(*TOOLS)
        self.install("tilt", NO_SESSION)

    def install(self, *words: str) -> None:
        """Install tools that succeed, or one tool with a last line of its own."""
        last = words[-1] if words[-1].startswith("exit") else "exit 0"
        for name in words:
            if name != last:
                self._script(self._bin / name, name, last)

    def remove(self, *names: str) -> None:
        for name in names:
            (self._bin / name).unlink()

    def run(self, script: str, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._directory / "scripts" / script, *args],
            env={"PATH": str(self._bin)},
            capture_output=True,
            text=True,
            check=False,
        )

    @staticmethod
    def _script(path: Path, name: str, last: str = "exit 0") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*"\n{last}\n')
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_cluster_that_answers_is_used_as_it_is(machine: Machine) -> None:
    up = machine.run("up")

    assert up.returncode == 0
    assert up.stdout.splitlines() == ["tilt up --"]


def test_a_cluster_that_is_not_there_is_made(machine: Machine) -> None:
    machine.install("kubectl", ANSWERS_NOT)

    up = machine.run("up")

    assert up.stdout.splitlines() == ["ctlptl apply -f ctlptl.yaml", "tilt up --"]


def test_a_tilt_that_runs_is_left_alone(machine: Machine) -> None:
    machine.install("tilt")

    up = machine.run("up")

    assert up.returncode == 0
    assert up.stdout.splitlines() == ["up: Tilt runs already: http://localhost:10350"]


def test_the_settings_of_the_tiltfile_are_passed_on(machine: Machine) -> None:
    up = machine.run("up", "--debug", "--", "--monitoring=false")

    assert up.stdout.splitlines() == ["tilt up -- --debug --monitoring=false"]


def test_what_is_missing_is_named_with_how_to_get_it_and_the_function_starts_without(
    machine: Machine,
) -> None:
    machine.remove("tilt", "k3d")

    up = machine.run("up")

    reason, started = up.stdout.splitlines()
    assert reason == "up: without a cluster: no tilt, k3d (mise install, see https://mise.jdx.dev)."
    assert started.startswith("python -m lambda_local --after-reload")


def test_a_machine_without_docker_is_told_where_it_is(machine: Machine) -> None:
    machine.remove(*TOOLS)

    up = machine.run("up")

    assert "without a cluster: no Docker (https://docs.docker.com/get-docker)." in up.stdout
    assert "python -m lambda_local" in up.stdout


def test_a_docker_that_does_not_answer_is_said_to(machine: Machine) -> None:
    machine.install("docker", ANSWERS_NOT)

    up = machine.run("up")

    assert "without a cluster: Docker does not answer" in up.stdout
    assert "python -m lambda_local" in up.stdout


def test_a_cluster_that_cannot_be_made_is_done_without(machine: Machine) -> None:
    machine.install("kubectl", ANSWERS_NOT)
    machine.install("ctlptl", ANSWERS_NOT)

    up = machine.run("up")

    assert "without a cluster: ctlptl could not make it" in up.stdout
    assert "python -m lambda_local" in up.stdout


def test_the_embedded_default_can_be_chosen(machine: Machine) -> None:
    up = machine.run("up", "--embedded")

    (started,) = up.stdout.splitlines()
    assert started.startswith("python -m lambda_local --after-reload")


def test_down_removes_the_cluster_and_the_registry(machine: Machine) -> None:
    down = machine.run("down")

    assert down.returncode == 0
    assert down.stdout.splitlines() == ["ctlptl delete -f ctlptl.yaml --ignore-not-found"]


def test_down_has_nothing_to_do_where_no_cluster_can_be(machine: Machine) -> None:
    machine.remove("ctlptl")

    down = machine.run("down")

    assert down.returncode == 0
    assert "no ctlptl" in down.stdout


@pytest.mark.parametrize("script", ["up", "down", "image", "e2e", "load"])
def test_help_is_a_success_and_a_bad_option_a_usage_error(script: str) -> None:
    helped = subprocess.run([f"scripts/{script}", "--help"], check=False, capture_output=True)
    refused = subprocess.run([f"scripts/{script}", "--bad"], check=False, capture_output=True)

    assert (helped.returncode, refused.returncode) == (0, 2)
    assert helped.stdout.startswith(f"Usage: scripts/{script}".encode())
    assert refused.stderr.startswith(f"Usage: scripts/{script}".encode())
