"""Settings for a company network reach the cluster, the builds and pip."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.documents import read_document, read_documents
from support.project import REPOSITORY
from tests.environment.support.machine import NO_RESPONSE, Machine

CHECK = Path(sys.executable).with_name("check-jsonschema")
SCHEMA = REPOSITORY / "tests/environment/ctlptl.schema.json"
NETWORK = {
    "HTTPS_PROXY": "http://proxy:3128",
    "NO_PROXY": "10.0.0.0/8,.internal",
    "DOCKER_HUB_MIRROR": "https://mirror.internal",
}


def cluster(machine: Machine, **settings: str) -> dict[str, Any]:
    machine.install("kubectl", NO_RESPONSE)
    machine.prints_what_it_reads("ctlptl")
    machine.run("up", **settings)
    _, document = read_documents(machine.cluster_log)
    return dict(document)


def test_cluster_gets_proxy_mirror_and_certificates(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("pem")

    document = cluster(machine, CA_FILE=str(tmp_path / "ca.pem"), **NETWORK)

    simple = document["k3d"]["v1alpha5Simple"]
    assert [each["envVar"] for each in simple["env"]] == [
        "HTTPS_PROXY=http://proxy:3128",
        "NO_PROXY=10.0.0.0/8,.internal",
    ]
    assert simple["volumes"][0]["volume"] == f"{tmp_path}/ca.pem:/etc/ssl/certs/machine.pem"
    assert read_document(simple["registries"]["config"]) == {
        "mirrors": {"docker.io": {"endpoint": ["https://mirror.internal"]}}
    }
    (tmp_path / "document.json").write_text(json.dumps(document))
    subprocess.run([CHECK, "--schemafile", SCHEMA, tmp_path / "document.json"], check=True)


def test_cluster_without_settings_equals_ctlptl_yaml(machine: Machine) -> None:
    simple = cluster(machine)["k3d"]["v1alpha5Simple"]

    assert {"env", "volumes", "registries"} & simple.keys() == set()


def test_unreadable_certificates_are_reported(machine: Machine) -> None:
    machine.install("kubectl", NO_RESPONSE)

    up = machine.run("up", CA_FILE="/nowhere.pem")

    assert up.returncode == 2
    assert "up: CA_FILE=/nowhere.pem cannot be read" in up.stderr


def build_arguments(folder: Path = REPOSITORY, **settings: str) -> list[str]:
    """Return the build arguments of `docker build` in that folder."""
    command = f"""
source {REPOSITORY}/scripts/machine.bash
read_machine
build_through_network
((${{#network[@]}} == 0)) || printf "%s|" "${{network[@]}}"
"""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split("|")[1::2]


def test_build_gets_index_proxy_and_certificates(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN\nof two lines\n")
    shutil.copy(REPOSITORY / "Dockerfile", tmp_path)

    arguments = build_arguments(
        tmp_path,
        CA_FILE=str(tmp_path / "ca.pem"),
        PIP_INDEX_URL="https://index.internal/simple",
        HTTPS_PROXY="http://proxy:3128",
    )

    assert arguments == [
        "HTTPS_PROXY=http://proxy:3128",
        "PIP_INDEX_URL=https://index.internal/simple",
        "CA=-----BEGIN\nof two lines",
    ]


@pytest.mark.parametrize(
    ("template", "base"),
    [
        ("Runtime: python3.12", []),
        ("Runtime: python3.13", ["BASE_IMAGE=public.ecr.aws/lambda/python:3.13"]),
        ('"Runtime": "python3.14"', ["BASE_IMAGE=public.ecr.aws/lambda/python:3.14"]),
        ("Runtime: python3.13\nRuntime: python3.12", []),
        ("Runtime: python3.9", []),
        ("Runtime: !Ref Python", []),
    ],
)
def test_build_uses_the_base_image_of_the_runtime(
    tmp_path: Path, template: str, base: list[str]
) -> None:
    (tmp_path / "template.yaml").write_text(template)
    shutil.copy(REPOSITORY / "Dockerfile", tmp_path)

    assert build_arguments(tmp_path) == base


def test_build_uses_the_configured_base_image() -> None:
    assert build_arguments(BASE_IMAGE="mirror/python:3.12") == ["BASE_IMAGE=mirror/python:3.12"]
