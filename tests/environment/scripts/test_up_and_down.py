from support.debugger import exclusive_port
from tests.environment.support.machine import ANSWERS_NOT, TOOLS, Machine

NO_PORT = 1  # privileged, and nobody's


def test_a_cluster_that_answers_is_used_as_it_is(machine: Machine) -> None:
    up = machine.run("up")

    assert up.returncode == 0
    assert up.stdout.splitlines() == ["tilt up -- at 0"]


def test_a_cluster_that_is_not_there_is_made(machine: Machine) -> None:
    machine.install("kubectl", ANSWERS_NOT)

    up = machine.run("up")

    assert up.stdout.splitlines() == ["ctlptl apply -f -", "tilt up -- at 0"]


def test_the_cluster_and_tilt_get_the_ports_that_were_chosen(machine: Machine) -> None:
    machine.install("kubectl", ANSWERS_NOT)
    machine.prints_what_it_reads("ctlptl")

    up = machine.run("up", FUNCTION_PORT=3, REGISTRY_PORT=4, TILT_PORT=5)

    assert "\nport: 4 #" in up.stdout
    assert "- port: 127.0.0.1:3:5432\n" in up.stdout
    assert up.stdout.endswith("tilt up -- at 5\n")


def test_a_tilt_of_this_project_is_left_alone(machine: Machine) -> None:
    machine.tilt_runs(machine.tiltfile)

    up = machine.run("up", TILT_PORT=NO_PORT)

    assert up.returncode == 0
    assert up.stdout.splitlines() == [f"up: Tilt is already running: http://localhost:{NO_PORT}"]


def test_what_mise_has_is_used_without_its_activation(machine: Machine) -> None:
    machine.remove("tilt", "k3d")
    machine.mise_has("tilt", "k3d")

    up = machine.run("up")

    assert up.stdout.splitlines() == ["tilt up -- of mise"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(machine: Machine) -> None:
    machine.install("kubectl", ANSWERS_NOT)

    up = machine.run("up", "--dry-run")

    assert up.returncode == 0
    assert up.stdout.splitlines() == [
        "up: would create the cluster k3d-lambda-dev and its registry with ctlptl",
        "up: would run: tilt up --",
    ]


def test_the_settings_of_the_tiltfile_are_passed_on(machine: Machine) -> None:
    with exclusive_port():
        up = machine.run("up", "--debug", "--", "--monitoring=false")

    assert up.stdout.splitlines() == ["tilt up -- --debug --monitoring=false at 0"]


def test_what_is_missing_is_named_with_how_to_get_it_and_the_function_starts_without(
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


def test_a_machine_without_docker_is_told_where_it_is(machine: Machine) -> None:
    machine.remove(*TOOLS)

    up = machine.run("up")

    assert "without a cluster: Docker is missing (https://docs.docker.com/get-docker)." in up.stdout
    assert "python -P -m lambda_live" in up.stdout


def test_a_docker_that_does_not_answer_is_said_to(machine: Machine) -> None:
    machine.install("docker", ANSWERS_NOT)

    up = machine.run("up")

    assert "without a cluster: Docker does not respond" in up.stdout
    assert "python -P -m lambda_live" in up.stdout


def test_a_cluster_that_cannot_be_made_is_done_without(machine: Machine) -> None:
    machine.install("kubectl", ANSWERS_NOT)
    machine.install("ctlptl", ANSWERS_NOT)

    up = machine.run("up")

    assert "without a cluster: ctlptl could not create it" in up.stdout
    assert "python -P -m lambda_live" in up.stdout


def test_the_embedded_default_can_be_chosen(machine: Machine) -> None:
    up = machine.run("up", "--embedded")

    (started,) = up.stdout.splitlines()
    assert started.startswith("python -P -m lambda_live ")


def test_down_removes_the_cluster_and_the_registry(machine: Machine) -> None:
    down = machine.run("down")

    assert down.returncode == 0
    assert down.stdout.splitlines() == ["ctlptl delete -f ctlptl.yaml --ignore-not-found"]


def test_down_has_nothing_to_do_where_no_cluster_can_be(machine: Machine) -> None:
    machine.remove("ctlptl")

    down = machine.run("down")

    assert down.returncode == 0
    assert "ctlptl is missing" in down.stdout
