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


def test_doctor_lists_tools_and_what_up_would_do(doctored: Machine) -> None:
    doctor = doctored.run("doctor")

    assert doctor.returncode == 0
    for name in ("make", "bash", "curl", "Python"):
        assert f"ok    {name} " in doctor.stdout
    assert doctor.stdout.endswith("\nmake up\nup: would run: tilt up --\n")


def test_doctor_reports_a_version_that_differs_from_mise_toml(doctored: Machine) -> None:
    doctored.prints("k3d", "k3d version v5.0.0")

    assert "--    k3d 5.0.0, but mise.toml requires " in doctored.run("doctor").stdout


@pytest.mark.parametrize("tool", ["curl", "make"])
def test_doctor_fails_without_a_required_program(tool: str, doctored: Machine) -> None:
    doctored.remove(tool)

    doctor = doctored.run("doctor")

    assert doctor.returncode == 1
    assert f"--    {tool} is missing: install the package of that name" in doctor.stdout
    assert "up: would not start" in doctor.stdout


def test_doctor_without_docker_shows_the_embedded_start(doctored: Machine) -> None:
    doctored.remove("docker")

    doctor = doctored.run("doctor")

    assert doctor.returncode == 0
    assert "--    Docker is missing, so there is no cluster" in doctor.stdout
    assert "up: would run: .venv/bin/python -P -m lambda_live" in doctor.stdout


@pytest.mark.parametrize("last", ["exit 0", "exit 1"])
def test_doctor_with_stopped_docker_daemon_reports_it(doctored: Machine, last: str) -> None:
    doctored.prints("docker", "||0|0|")
    doctored.append("docker", last)

    doctor = doctored.run("doctor")

    assert "--    Docker does not respond: start it, or see: docker info\n" in doctor.stdout
    assert "ok    Docker" not in doctor.stdout


def test_doctor_fails_if_a_port_is_in_use(doctored: Machine, taken: int) -> None:
    doctor = doctored.run("doctor", TILT_PORT=taken)

    assert doctor.returncode == 1
    assert f"port {taken} (TILT_PORT) is in use" in doctor.stderr


@pytest.mark.parametrize("tool", ["curl"])
def test_make_needs_names_a_missing_program(tool: str, doctored: Machine) -> None:
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
