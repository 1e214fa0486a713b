import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from support.documents import read_documents
from support.project import machine

CHECK = Path(sys.executable).with_name("check-jsonschema")
SCHEMA = Path(__file__).with_name("ctlptl.schema.json")
REGISTRY, CLUSTER = read_documents(Path("ctlptl.yaml").read_text())
SIMPLE = CLUSTER["k3d"]["v1alpha5Simple"]


def test_every_field_is_valid_for_ctlptl_and_k3d(tmp_path: Path) -> None:
    instances = [tmp_path / "registry.json", tmp_path / "cluster.json"]
    for instance, document in zip(instances, (REGISTRY, CLUSTER), strict=True):
        instance.write_text(json.dumps(document))

    checked = subprocess.run(
        [CHECK, "--schemafile", SCHEMA, *instances],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


def test_cluster_is_the_tiltfiles_cluster() -> None:
    assert f'K3D_CONTEXT = "{CLUSTER["name"]}"' in Path("k8s/settings.Tiltfile").read_text()


def test_cluster_uses_the_registry() -> None:
    assert CLUSTER["registry"] == REGISTRY["name"]


def test_registry_name_is_specific_to_this_project() -> None:
    """`ctlptl apply` recreates a registry of this name that differs, and `delete` removes it."""
    assert REGISTRY["name"] == CLUSTER["name"].replace("k3d-", "") + "-registry"
    assert REGISTRY["port"] not in {5000, 5001, 5005}  # ctlptl's and k3d's own examples


def test_ports_are_those_of_machine_env() -> None:
    """`make up` replaces them; `ctlptl apply` by hand uses these."""
    settings = machine()

    assert REGISTRY["port"] == int(settings["REGISTRY_PORT"])
    assert [port["port"] for port in SIMPLE["ports"]] == [
        f"127.0.0.1:{settings['FUNCTION_PORT']}:5432"
    ]


def test_every_port_is_on_loopback() -> None:
    assert REGISTRY["listenAddress"] == "127.0.0.1"
    assert SIMPLE["kubeAPI"]["hostIP"] == "127.0.0.1"
    assert all(port["port"].startswith("127.0.0.1:") for port in SIMPLE["ports"])


def test_registry_port_is_not_used_by_macos() -> None:
    assert REGISTRY["port"] not in {5000, 7000}


def test_kubectl_has_the_clusters_version() -> None:
    tools = tomllib.loads(Path("mise.toml").read_text())["tools"]

    cluster = re.search(r":v([\d.]+)-k3s", SIMPLE["image"])

    assert cluster
    assert cluster[1] == tools["kubectl"]
