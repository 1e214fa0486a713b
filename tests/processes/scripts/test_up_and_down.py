import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

TOOLS = ("docker", "tilt", "ctlptl", "k3d", "kubectl")
ANSWERS_NOT = "exit 1"
NO_PORT = 1  # privileged, and nobody's


class Machine:
    """A machine with some tools, each of which prints how it was called."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._bin = directory / "bin"
        self._bin.mkdir()
        for name in ("bash", "cat", "dirname", "sed"):
            self.link(name)
        (directory / "scripts").mkdir()
        for name in ("up", "down", "machine.bash"):
            shutil.copy2(Path("scripts", name), directory / "scripts" / name)
        for name in ("ctlptl.yaml", "Tiltfile"):
            shutil.copy2(name, directory / name)
        ports = re.sub(r"(?<=_PORT=)\d+$", "0", Path("machine.env").read_text(), flags=re.MULTILINE)
        (directory / "machine.env").write_text(ports)
        self._script(directory / ".venv" / "bin" / "python", 'echo "python $*"')
        self.install(*TOOLS)
        self.tilt_runs("")

    @property
    def tiltfile(self) -> Path:
        return self._directory / "Tiltfile"

    def link(self, name: str) -> None:
        """Give it a program of this machine."""
        found = shutil.which(name)
        if not found:
            pytest.skip(f"no {name} on this machine")
        (self._bin / name).symlink_to(found)

    def tilt_runs(self, tiltfile: str | Path) -> None:
        """Let Tilt answer that it runs a Tiltfile, or none."""
        session = f'printf "%s" "{tiltfile}"; exit 0' if tiltfile else "exit 1"
        self._script(
            self._bin / "tilt", f'[ "$1" != get ] || {{ {session}; }}\necho "tilt $* at $TILT_PORT"'
        )

    def prints_what_it_reads(self, name: str) -> None:
        self._script(self._bin / name, "cat")

    def publishes(self, container: str, port: int) -> None:
        """Let Docker answer that a container has a port of this machine."""
        row = f"{container} 127.0.0.1:{port}->5432/tcp"
        self._script(self._bin / "docker", f'[ "$1" != ps ] || echo "{row}"')

    def install(self, *words: str) -> None:
        """Install tools that succeed, or one tool with a last line of its own."""
        last = words[-1] if words[-1].startswith("exit") else "exit 0"
        for name in words:
            if name != last:
                self._script(self._bin / name, f'echo "{name} $*"\n{last}')

    def remove(self, *names: str) -> None:
        for name in names:
            (self._bin / name).unlink()

    def run(
        self, script: str, *args: str, **settings: int | str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._directory / "scripts" / script, *args],
            env={"PATH": str(self._bin)} | {name: str(value) for name, value in settings.items()},
            capture_output=True,
            text=True,
            check=False,
        )

    @staticmethod
    def _script(path: Path, body: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@contextlib.contextmanager
def listening(address: str) -> Iterator[int]:
    """Take a port of an address, for this process."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def taken() -> Iterator[int]:
    with listening("127.0.0.1") as port:
        yield port


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
    assert up.stdout.splitlines() == [f"up: Tilt runs already: http://localhost:{NO_PORT}"]


def test_a_tilt_of_another_project_is_said_to_have_its_port(machine: Machine, taken: int) -> None:
    machine.tilt_runs("/other/Tiltfile")

    up = machine.run("up", TILT_PORT=taken)

    assert up.returncode == 1
    assert f"up: port {taken} (TILT_PORT) is taken by the Tilt of /other/Tiltfile.\n" in up.stderr
    assert "make up TILT_PORT=" in up.stderr
    assert "tilt up" not in up.stdout


SETTINGS = re.findall(r"^(\w+_PORT)=", Path("machine.env").read_text(), re.MULTILINE)


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_port_that_is_taken_is_told_with_who_has_it_before_anything_is_made(
    setting: str, machine: Machine, taken: int
) -> None:
    machine.link("lsof")
    machine.install("kubectl", ANSWERS_NOT)

    up = machine.run("up", *["--embedded"] * ("LAMBDA" in setting), **{setting: taken})

    said, advice = up.stderr.splitlines()
    assert up.returncode == 1
    assert said.startswith(f"up: port {taken} ({setting}) is taken by ")
    assert said.endswith(f" (PID {os.getpid()}).")
    (other,) = re.findall(rf"make up {setting}=(\d+)$", advice)
    assert int(other) > taken
    assert up.stdout == ""


@pytest.mark.parametrize("program", ["lsof", "ss"])
def test_who_has_a_port_of_ipv6_alone_is_told_by_what_is_there(
    program: str, machine: Machine
) -> None:
    machine.link(program)

    with listening("::1") as port:
        up = machine.run("up", GRAFANA_PORT=port)

    assert f"port {port} (GRAFANA_PORT) is taken by " in up.stderr
    assert f"(PID {os.getpid()})." in up.stderr


def test_every_port_that_is_taken_is_told_at_once(machine: Machine, taken: int) -> None:
    up = machine.run("up", GRAFANA_PORT=taken, LOKI_PORT=taken)

    assert re.search(r"make up GRAFANA_PORT=\d+ LOKI_PORT=\d+$", up.stderr)


def test_a_port_is_not_asked_for_where_nothing_would_take_it(machine: Machine, taken: int) -> None:
    ports = {"GRAFANA_PORT": taken, "LAMBDA_LOCAL_PORT": taken, "FUNCTION_PORT": taken}

    up = machine.run("up", "--", "--monitoring=false", **ports)

    assert up.stdout.splitlines() == ["tilt up -- --monitoring=false at 0"]


def test_a_container_that_has_the_port_is_named(machine: Machine, taken: int) -> None:
    machine.install("kubectl", ANSWERS_NOT)
    machine.publishes("postgres", taken)

    up = machine.run("up", FUNCTION_PORT=taken)

    assert f"port {taken} (FUNCTION_PORT) is taken by the container postgres." in up.stderr


def test_a_registry_that_is_left_of_this_project_is_used_again(
    machine: Machine, taken: int
) -> None:
    machine.install("kubectl", ANSWERS_NOT)
    machine.publishes("lambda-dev-registry", taken)

    up = machine.run("up", REGISTRY_PORT=taken)

    assert up.stdout.splitlines() == ["ctlptl apply -f -", "tilt up -- at 0"]


def test_who_has_a_port_is_not_guessed(machine: Machine, taken: int) -> None:
    up = machine.run("up", GRAFANA_PORT=taken)

    assert (
        f"is taken by a program that this user may not see (try: sudo lsof -nP -iTCP:{taken}"
        in (up.stderr)
    )


def test_a_cluster_at_another_port_is_told_and_not_made_anew(machine: Machine) -> None:
    machine.publishes("k3d-lambda-dev-serverlb", 5432)

    up = machine.run("up", FUNCTION_PORT=5433)

    assert up.returncode == 1
    assert "FUNCTION_PORT=5433: 127.0.0.1:5432->5432/tcp" in up.stderr
    assert "make down" in up.stderr


@pytest.mark.parametrize("value", ["http", "tcp://10.0.0.1:3100", "123456"])
def test_a_port_that_is_none_is_a_usage_error(machine: Machine, value: str) -> None:
    up = machine.run("up", LOKI_PORT=value)

    assert up.returncode == 2
    assert up.stderr == f"up: LOKI_PORT={value} is no port.\n"


def test_the_settings_of_the_tiltfile_are_passed_on(machine: Machine) -> None:
    up = machine.run("up", "--debug", "--", "--monitoring=false")

    assert up.stdout.splitlines() == ["tilt up -- --debug --monitoring=false at 0"]


def test_what_is_missing_is_named_with_how_to_get_it_and_the_function_starts_without(
    machine: Machine,
) -> None:
    machine.remove("tilt", "k3d")

    up = machine.run("up")

    reason, started = up.stdout.splitlines()
    assert reason == "up: without a cluster: no tilt, k3d (mise install, see https://mise.jdx.dev)."
    assert started.startswith("python -m lambda_local ")


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
    assert started.startswith("python -m lambda_local ")


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
