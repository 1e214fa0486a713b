import subprocess
from pathlib import Path

import pytest

from tests.environment.support.machine import Machine

EVERY = ("awk", "curl", "df", "make", "python3")


@pytest.fixture
def doctored(machine: Machine) -> Machine:
    for name in EVERY:
        machine.link(name)
    return machine


def test_it_says_what_is_there_and_what_up_would_do(doctored: Machine) -> None:
    doctor = doctored.run("doctor")

    assert doctor.returncode == 0
    for name in ("make", "bash", "curl", "Python"):
        assert f"ok    {name} " in doctor.stdout
    assert doctor.stdout.endswith("\nmake up\nup: would run: tilt up --\n")


def test_a_version_that_is_not_the_one_of_mise_toml_is_told(doctored: Machine) -> None:
    doctored.prints("k3d", "k3d version v5.0.0")

    assert "--    k3d 5.0.0, but mise.toml requires " in doctored.run("doctor").stdout


@pytest.mark.parametrize("tool", ["curl", "make"])
def test_what_every_start_needs_is_named_and_up_would_not_start(
    tool: str, doctored: Machine
) -> None:
    doctored.remove(tool)

    doctor = doctored.run("doctor")

    assert doctor.returncode == 1
    assert f"--    {tool} is missing: install the package of that name" in doctor.stdout
    assert "up: would not start" in doctor.stdout


def test_a_machine_without_docker_would_run_the_function_itself(doctored: Machine) -> None:
    doctored.remove("docker")

    doctor = doctored.run("doctor")

    assert doctor.returncode == 0
    assert "--    Docker is missing, so there is no cluster" in doctor.stdout
    assert "up: would run: .venv/bin/python -P -m lambda_live" in doctor.stdout


def test_a_port_that_is_taken_is_a_reason_not_to_start(doctored: Machine, taken: int) -> None:
    doctor = doctored.run("doctor", TILT_PORT=taken)

    assert doctor.returncode == 1
    assert f"port {taken} (TILT_PORT) is in use" in doctor.stderr


@pytest.mark.parametrize("tool", ["curl"])
def test_make_up_names_what_it_can_not_start_without(tool: str, doctored: Machine) -> None:
    doctored.link("sh")
    doctored.remove(tool)
    made = subprocess.run(
        ["make", "--file", Path("Makefile").absolute(), "needs"],
        env={"PATH": str(doctored.path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert made.returncode == 2
    assert f"make: missing: {tool}. Install" in made.stderr
