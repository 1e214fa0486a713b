import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.project import machine

FILE = Path(".devcontainer/devcontainer.json")
SCHEMA = Path(__file__).with_name("devcontainer.schema.json")
DEVCONTAINER = json.loads(FILE.read_text())
# Those of machine.env except the registry, and the debugger
PORTS = {5678} | {
    int(value)
    for name, value in machine().items()
    if name.endswith("_PORT") and name != "REGISTRY_PORT"
}


def vscode(name: str) -> Any:
    return json.loads(Path(".vscode", name).read_text())


def test_every_port_is_forwarded_and_labelled() -> None:
    assert set(DEVCONTAINER["forwardPorts"]) == PORTS
    assert {int(port) for port in DEVCONTAINER["portsAttributes"]} == PORTS
    assert all(port["label"] for port in DEVCONTAINER["portsAttributes"].values())


def test_devcontainer_has_docker_and_mise() -> None:
    assert {feature.split(":")[0] for feature in DEVCONTAINER["features"]} == {
        "ghcr.io/devcontainers/features/docker-in-docker",
        "ghcr.io/devcontainers-extra/features/mise",
    }


def test_virtual_environments_are_volumes() -> None:
    volumes = [mount["target"] for mount in DEVCONTAINER["mounts"] if mount["type"] == "volume"]

    assert volumes == ["${containerWorkspaceFolder}/.venv", "${containerWorkspaceFolder}/.poetry"]


def test_mount_points_are_created_by_the_user(tmp_path: Path) -> None:
    subprocess.run(DEVCONTAINER["initializeCommand"], shell=True, cwd=tmp_path, check=True)  # noqa: S602  # as devcontainers do

    volumes = [mount["target"] for mount in DEVCONTAINER["mounts"]]
    assert {Path(target).name for target in volumes} == {path.name for path in tmp_path.iterdir()}


def test_post_create_script_exists() -> None:
    assert os.access(DEVCONTAINER["postCreateCommand"], os.X_OK)


def test_recommended_extensions_are_installed() -> None:
    extensions = DEVCONTAINER["customizations"]["vscode"]["extensions"]

    assert extensions == vscode("extensions.json")["recommendations"]


@pytest.mark.parametrize(
    ("name", "remote"),
    [
        ("Attach to the function", "${workspaceFolder}"),
        ("Attach to the function in the cluster", "/var/task"),
    ],
)
def test_debugger_maps_paths_to_the_code(name: str, remote: str) -> None:
    (launch,) = [
        launch for launch in vscode("launch.json")["configurations"] if launch["name"] == name
    ]

    assert launch["connect"] == {"host": "127.0.0.1", "port": 5678}
    assert launch["pathMappings"] == [{"localRoot": "${workspaceFolder}", "remoteRoot": remote}]
