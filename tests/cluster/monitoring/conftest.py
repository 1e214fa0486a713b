import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.monitoring.stack import CONTEXT, SUBJECT, Stack, kubectl

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    command = ["kubectl", "--context", CONTEXT, "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout is not None
        address = re.search(r"[\d.]+:\d+", proxy.stdout.readline())
        assert address
        yield Stack(f"http://{address[0]}")
        proxy.terminate()


@pytest.fixture(scope="session")
def subject() -> Iterator[str]:
    """A function that the tests alone invoke; it does what they ask (subject/handler.py)."""
    image = kubectl(
        *("-n", "lambda", "get", "deployment", "function"),
        *("-o", "jsonpath={.spec.template.spec.containers[0].image}"),
    )
    manifests = kubectl("kustomize", str(HERE / "subject"))
    manifests = manifests.replace("image: lambda-function", f"image: {image}")
    kubectl("apply", "-f", "-", stdin=manifests)
    try:
        kubectl("-n", "lambda", "rollout", "status", "deployment", SUBJECT, "--timeout=60s")
        yield SUBJECT
    finally:
        kubectl("delete", "-f", "-", stdin=manifests)
