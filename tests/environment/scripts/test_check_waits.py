import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support.project import write_project
from support.server_thread import serve_in_thread

EVENT = "events/event.json"
EXPECTED = "events/expected/event.json"
# Lists two pods that are ready and one that is not, and logs which pods get a request.
KUBECTL = """#!/bin/sh
case "$*" in
    *"get pods"*) cat "$0.json" ;;
    *"get --raw"*)
        echo "$*" >>"$0.log"
        hash=${7##*function=}
        [ "$hash" != "$7" ] || hash=0
        printf '{"functions": [{"name": "function", "folders": [{"path": "lambda_app", '
        printf '"name": "lambda_app"}], "code_sha256": "%s", "state": "Active"}]}' "$hash" ;;
esac
"""
OLD = "0" * 64

type Check = Callable[..., subprocess.CompletedProcess[str]]


class Rollout(ThreadingHTTPServer):
    """A service that reports the expected code, but runs the previous code once more."""

    def __init__(self, expected: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.expected = expected
        self.invocations = 0
        self.pods: dict[str, str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Rollout
    expected_code = ""

    def do_GET(self) -> None:  # http.server's name
        query = parse_qs(urlsplit(self.path).query)
        type(self).expected_code = query.get("function", [OLD])[0]
        folder = {"path": "lambda_app", "name": "lambda_app"}
        function = {"name": "function", "folders": [folder], "code_sha256": self.expected_code}
        state = {"functions": [function | {"state": "Active"}], "pods": self.server.pods}
        self.respond(json.dumps(state).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.invocations += 1
        if self.server.invocations == 1:
            self.respond(self.server.expected, OLD)
        else:
            self.respond(b'"of the new code"', self.expected_code)

    def respond(self, body: bytes, code: str = "") -> None:
        self.send_response(200)
        self.send_header("X-Lambda-Live-Code-Sha256", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def rollout(checkout: Path) -> Iterator[Rollout]:
    if not shutil.which("curl"):
        pytest.skip("scripts/check needs curl")
    with serve_in_thread(Rollout((checkout / EXPECTED).read_bytes())) as service:
        yield service


@pytest.fixture
def check(rollout: Rollout, checkout: Path) -> Check:
    def check(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [checkout / "scripts/check", "--url", rollout.url, *args],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=False,
        )

    return check


def test_a_response_of_the_previous_code_is_not_compared(rollout: Rollout, check: Check) -> None:
    checked = check(EVENT)

    assert checked.returncode == 1
    assert "of the new code" in checked.stdout
    assert rollout.invocations == 2


def test_code_option_sends_no_event(rollout: Rollout, check: Check) -> None:
    checked = check("--code")

    assert (checked.returncode, checked.stdout) == (0, "")
    assert rollout.invocations == 0


def test_code_option_rejects_events(check: Check) -> None:
    assert check("--code", EVENT).returncode == 2


def test_code_option_reads_the_state_of_every_ready_pod(
    rollout: Rollout, check: Check, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = checkout / "bin/kubectl"
    conditions = {"one": "True", "two": "True", "starting": "False"}
    items = [
        {
            "metadata": {"name": name},
            "status": {"conditions": [{"type": "Ready", "status": status}]},
        }
        for name, status in conditions.items()
    ]
    write_project(
        kubectl.parent, {"kubectl": KUBECTL, "kubectl.json": json.dumps({"items": items})}
    )
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{kubectl.parent}{os.pathsep}{os.environ['PATH']}")
    rollout.pods = {"namespace": "lambda", "context": "k3d-test"}

    checked = check("--code")

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    calls = (checkout / "bin/kubectl.log").read_text().splitlines()
    pods = [line.split("/pods/")[1].partition(":")[0] for line in calls]
    assert pods == ["one", "one", "two", "two"]  # each gets another request for the code on disk
    assert all(call.startswith("--context k3d-test ") for call in calls)
