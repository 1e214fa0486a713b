"""A port in use is reported before anything is created."""

import os
import re
from pathlib import Path

import pytest

from support.lambda_service import LambdaService
from support.service_starter import StartService
from tests.environment.support.checks import RETURNS_RESPONSE
from tests.environment.support.machine import NO_RESPONSE, Machine, listening


def test_ports_used_by_another_tilt_names_its_tiltfile(machine: Machine, taken: int) -> None:
    machine.tilt_runs("/other/Tiltfile")

    up = machine.run("up", TILT_PORT=taken)

    assert up.returncode == 1
    assert f"up: port {taken} (TILT_PORT) is in use by the Tilt of /other/Tiltfile.\n" in up.stderr
    assert "make up TILT_PORT=" in up.stderr
    assert "tilt up" not in up.stdout


SETTINGS = re.findall(r"^(\w+_PORT)=", Path("machine.env").read_text(), re.MULTILINE)


@pytest.mark.parametrize("setting", SETTINGS)
def test_port_in_use_is_reported_with_its_program(
    setting: str, machine: Machine, taken: int
) -> None:
    machine.link("lsof")
    machine.install("kubectl", NO_RESPONSE)

    up = machine.run("up", *["--embedded"] * ("LAMBDA" in setting), **{setting: taken})

    problem, advice = up.stderr.splitlines()
    assert up.returncode == 1
    assert problem.startswith(f"up: port {taken} ({setting}) is in use by ")
    assert problem.endswith(f" (PID {os.getpid()}).")
    (other,) = re.findall(rf"make up {setting}=(\d+)$", advice)
    assert int(other) > taken
    assert up.stdout == ""


@pytest.mark.parametrize("program", ["lsof", "ss"])
def test_ipv6_listener_is_found_with_either_tool(program: str, machine: Machine) -> None:
    machine.link(program)

    with listening("::1") as port:
        up = machine.run("up", GRAFANA_PORT=port)

    assert f"port {port} (GRAFANA_PORT) is in use by " in up.stderr
    assert f"(PID {os.getpid()})." in up.stderr


def test_running_service_of_this_project_is_not_started_again(
    machine: Machine, start_service: StartService
) -> None:
    machine.link("curl")
    machine.link("lsof")
    service = start_service(RETURNS_RESPONSE)
    port = service.url.rpartition(":")[2]

    up = machine.run("up", "--embedded", LAMBDA_LIVE_PORT=port)

    assert up.returncode == 0
    running = f"up: the function is already running: http://localhost:{port}, python"
    assert up.stdout.startswith(running)


def test_running_service_of_another_project_is_named(
    machine: Machine, response_service: LambdaService
) -> None:
    machine.link("curl")
    port = response_service.url.rpartition(":")[2]

    up = machine.run("up", "--embedded", LAMBDA_LIVE_PORT=port)

    assert up.returncode == 1
    assert (
        f"(LAMBDA_LIVE_PORT) is in use by the function of {response_service.project}.\n"
        in up.stderr
    )


def test_every_port_in_use_is_reported_at_once(machine: Machine, taken: int) -> None:
    up = machine.run("up", GRAFANA_PORT=taken, LOKI_PORT=taken)

    assert re.search(r"make up GRAFANA_PORT=\d+ LOKI_PORT=\d+$", up.stderr)


def test_unneeded_port_is_not_checked(machine: Machine, taken: int) -> None:
    ports = {"GRAFANA_PORT": taken, "LAMBDA_LIVE_PORT": taken, "FUNCTION_PORT": taken}

    up = machine.run("up", "--", "--monitoring=false", **ports)

    assert up.stdout.splitlines() == ["tilt up -- --monitoring=false at 0"]


def test_container_that_publishes_the_port_is_named(machine: Machine, taken: int) -> None:
    machine.install("kubectl", NO_RESPONSE)
    machine.publishes("postgres", taken)

    up = machine.run("up", FUNCTION_PORT=taken)

    assert f"port {taken} (FUNCTION_PORT) is in use by the container postgres." in up.stderr


def test_existing_registry_of_this_project_is_reused(machine: Machine, taken: int) -> None:
    machine.install("kubectl", NO_RESPONSE)
    machine.publishes("lambda-dev-registry", taken)

    up = machine.run("up", REGISTRY_PORT=taken)

    assert machine.cluster_log == "ctlptl apply -f -\n"
    assert up.stdout.splitlines()[-1] == "tilt up -- at 0"


def test_unknown_holder_of_a_port_is_not_guessed(machine: Machine, taken: int) -> None:
    up = machine.run("up", GRAFANA_PORT=taken)

    assert f"is in use by a program of another user (see: sudo lsof -nP -iTCP:{taken}" in (
        up.stderr
    )


def test_cluster_with_another_port_is_reported_and_unchanged(machine: Machine) -> None:
    machine.publishes("k3d-lambda-dev-serverlb", 5432)

    up = machine.run("up", FUNCTION_PORT=5433)

    assert up.returncode == 1
    assert "FUNCTION_PORT=5433: 127.0.0.1:5432->5432/tcp" in up.stderr
    assert "make down" in up.stderr


@pytest.mark.parametrize("value", ["http", "tcp://10.0.0.1:3100", "123456"])
def test_invalid_port_is_a_usage_error(machine: Machine, value: str) -> None:
    up = machine.run("up", LOKI_PORT=value)

    assert up.returncode == 2
    assert up.stderr == f"up: LOKI_PORT must be 1 to 65535, got '{value}'.\n"
