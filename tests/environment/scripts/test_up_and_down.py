import os
import subprocess

import pytest

from support.debugger import exclusive_port
from tests.environment.support.machine import NO_RESPONSE, TOOLS, Machine

NO_PORT = 1  # privileged ports that no program uses


def test_up_uses_a_running_cluster(machine: Machine) -> None:
    up = machine.run("up")

    assert up.returncode == 0
    assert up.stdout.splitlines() == ["tilt up -- at 0"]


def test_up_creates_a_missing_cluster(machine: Machine) -> None:
    machine.install("kubectl", NO_RESPONSE)

    up = machine.run("up")

    assert up.stdout.splitlines() == [
        "up: creating the cluster k3d-lambda-dev, see .cache/cluster.log",
        "up: waiting for the cluster and the image",
        "tilt up -- at 0",
    ]
    assert machine.cluster_log == "ctlptl apply -f -\n"


def test_up_installs_and_builds_while_the_cluster_is_created(machine: Machine) -> None:
    machine.install("kubectl", NO_RESPONSE)
    for tool in ("docker", "ctlptl", "make"):  # each waits for the others
        others = "[ -e docker.ran ] && [ -e ctlptl.ran ] && [ -e make.ran ]"
        machine.runs(tool, f'[ "$1" != info ] || exit 0; : >{tool}.ran; until {others}; do :; done')

    up = machine.run("up")

    assert up.stdout.splitlines()[-1] == "tilt up -- at 0"


def test_up_stops_all_if_the_dependencies_are_not_installed(machine: Machine) -> None:
    machine.install("kubectl", NO_RESPONSE)
    machine.runs("ctlptl", "echo started >ctlptl.ran; while :; do :; done")
    machine.runs("make", "until [ -e ctlptl.ran ]; do :; done; exit 2")

    up = machine.run("up")  # the output ends when all processes have exited

    assert up.returncode == 2
    assert "tilt" not in up.stdout


def test_up_installs_first_without_cluster(machine: Machine) -> None:
    machine.runs("make", 'echo "make $*"')

    up = machine.run("up", "--embedded")

    installed, started = up.stdout.splitlines()
    assert installed == "make --silent install"
    assert started.startswith("python -P -m lambda_live ")


def test_up_passes_the_configured_ports(machine: Machine) -> None:
    machine.install("kubectl", NO_RESPONSE)
    machine.prints_what_it_reads("ctlptl")

    up = machine.run("up", FUNCTION_PORT=3, REGISTRY_PORT=4, TILT_PORT=5)

    assert "\nport: 4 #" in machine.cluster_log
    assert "- port: 127.0.0.1:3:5432\n" in machine.cluster_log
    assert up.stdout.endswith("tilt up -- at 5\n")


def test_up_reports_a_running_tilt_of_this_project(machine: Machine) -> None:
    machine.tilt_runs(machine.tiltfile)

    up = machine.run("up", TILT_PORT=NO_PORT)

    assert up.returncode == 0
    assert up.stdout.splitlines() == [f"up: Tilt is already running: http://localhost:{NO_PORT}"]


def test_up_finds_tools_of_mise_without_activation(machine: Machine) -> None:
    machine.remove("tilt", "k3d")
    machine.mise_has("tilt", "k3d")

    up = machine.run("up")

    assert up.stdout.splitlines() == ["tilt up -- of mise"]


def test_up_dry_run_changes_nothing(machine: Machine) -> None:
    machine.install("kubectl", NO_RESPONSE)

    up = machine.run("up", "--dry-run")

    assert up.returncode == 0
    assert up.stdout.splitlines() == [
        "up: would create the cluster k3d-lambda-dev and its registry with ctlptl",
        "up: would run: tilt up --",
    ]


def test_up_passes_settings_to_the_tiltfile(machine: Machine) -> None:
    with exclusive_port():
        up = machine.run("up", "--debug", "--", "--monitoring=false")

    assert up.stdout.splitlines() == ["tilt up -- --debug --monitoring=false at 0"]


def test_up_without_tools_names_them_and_runs_embedded(
    machine: Machine,
) -> None:
    machine.remove("tilt", "k3d")

    up = machine.run("up")

    reason, started = up.stdout.splitlines()
    assert (
        reason
        == "up: running without a cluster: missing: tilt, k3d (mise install, see https://mise.jdx.dev)."
    )
    assert started.startswith("python -P -m lambda_live ")


def test_up_without_docker_says_where_to_get_it(machine: Machine) -> None:
    machine.remove(*TOOLS)

    up = machine.run("up")

    assert "without a cluster: Docker is missing (https://docs.docker.com/get-docker)." in up.stdout
    assert "python -P -m lambda_live" in up.stdout


def test_up_reports_docker_that_does_not_respond(machine: Machine) -> None:
    machine.install("docker", NO_RESPONSE)

    up = machine.run("up")

    assert "without a cluster: Docker does not respond" in up.stdout
    assert "python -P -m lambda_live" in up.stdout


def test_up_runs_embedded_if_the_cluster_cannot_be_created(machine: Machine) -> None:
    machine.install("kubectl", NO_RESPONSE)
    machine.install("ctlptl", NO_RESPONSE)

    up = machine.run("up")

    assert "without a cluster: ctlptl could not create it" in up.stdout
    assert "python -P -m lambda_live" in up.stdout


def test_up_runs_embedded_on_request(machine: Machine) -> None:
    up = machine.run("up", "--embedded")

    (started,) = up.stdout.splitlines()
    assert started.startswith("python -P -m lambda_live ")


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (["EMBEDDED=no", "DEBUG=no"], []),
        (["EMBEDDED=yes", "DEBUG=0"], ["--embedded"]),
        (["EMBEDDED=1", "DEBUG=yes"], ["--embedded", "--debug"]),
    ],
)
def test_make_up_settings_can_be_turned_off(settings: list[str], options: list[str]) -> None:
    made = _make("up", *settings)

    assert made.stdout.splitlines()[-1].split() == ["scripts/up", *options]


def test_make_up_with_invalid_setting_fails() -> None:
    made = _make("up", "EMBEDDED=maybe")

    assert made.returncode == 2
    assert "EMBEDDED must be yes or no, got 'maybe'" in made.stderr


def test_make_check_sends_named_events() -> None:
    made = _make("check", "EVENTS=events/event.json")

    assert made.stdout == "scripts/check events/event.json\n"


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--dry-run", "--assume-old=.venv/.installed", *arguments]
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_down_removes_cluster_registry_volume_and_images(machine: Machine) -> None:
    machine.docker_has(
        volume="0123abc",
        images=(
            *("127.0.0.1:4/lambda-function:tilt-1", "127.0.0.1:4/lambda-aws:tilt-2"),
            *("127.0.0.1:4/other:tilt-1", "lambda-function:latest", "rancher/k3s:v1"),
        ),
    )

    down = machine.run("down", REGISTRY_PORT=4)

    assert down.returncode == 0
    assert down.stdout.splitlines() == [
        "ctlptl delete -f ctlptl.yaml --ignore-not-found",
        "down: removed 1 volume(s)",
        "down: removed 2 image(s)",
    ]
    assert machine.docker_removed() == [
        *("volume rm 0123abc", "rmi 127.0.0.1:4/lambda-function:tilt-1"),
        "rmi 127.0.0.1:4/lambda-aws:tilt-2",
    ]


def test_down_without_cluster_removes_nothing(machine: Machine) -> None:
    machine.docker_has(volume="", images=())

    down = machine.run("down")

    assert down.returncode == 0
    assert down.stdout.splitlines() == ["ctlptl delete -f ctlptl.yaml --ignore-not-found"]


def test_down_without_tools_does_nothing(machine: Machine) -> None:
    machine.remove("ctlptl")

    down = machine.run("down")

    assert down.returncode == 0
    assert "ctlptl is missing" in down.stdout
