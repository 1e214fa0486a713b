"""`scripts/load`, and to which function it and `scripts/invoke` send an event."""

import json
import os
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support.lambda_service import LambdaService
from support.server_thread import serve_in_thread
from support.service_starter import StartService

TEMPLATE = """
Resources:
  First: &function
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, CodeUri: ., Handler: app.handler}
  Second: *function
"""
APP = """
def handler(event, context):
    return f"{context.function_name} got {event}"
"""


def run(
    checkout: Path, script: str, url: str, *args: str | Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / script, "--url", url, *args],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_load_counts_responses_by_status(served: LambdaService, checkout: Path) -> None:
    loaded = run(checkout, "load", served.url, "--requests", "30", "--parallel", "3")

    assert (loaded.returncode, loaded.stderr) == (0, "")
    assert loaded.stdout == "responses of function by status:\n     30 200\n"


def test_event_in_a_folder_is_sent_to_the_function_of_its_name(
    start_service: StartService, checkout: Path
) -> None:
    service = start_service({"template.yaml": TEMPLATE, "app.py": APP}, handler=None)
    stray = run(checkout, "invoke", service.url, "events/event.json")
    shutil.rmtree(checkout / "events")
    for name in ("First", "Second"):
        (checkout / "events" / name).mkdir(parents=True)
        (checkout / "events" / name / "a.json").write_text(json.dumps(name.lower()))

    invoked = run(checkout, "invoke", service.url)
    named = run(checkout, "invoke", service.url, "--function", "First", "events/Second/a.json")
    first = run(checkout, "load", service.url, "--requests", "3")
    second = run(checkout, "load", service.url, "--requests", "2", "events/Second/a.json")

    assert invoked.stdout.splitlines()[1::2] == ['"First got first"', '"Second got second"']
    assert named.stdout.splitlines()[1] == '"First got second"'
    assert first.stdout == "responses of First by status:\n      3 200\n"
    assert second.stdout == "responses of Second by status:\n      2 200\n"
    assert stray.returncode == 2
    assert "cannot tell which function events/event.json is for" in stray.stderr


class _Emulator(BaseHTTPRequestHandler):
    """Responds like AWS's emulator, which reports no functions and has no header for an error."""

    def do_GET(self) -> None:  # http.server's name
        self.send_error(404)

    def do_POST(self) -> None:
        event = self.rfile.read(int(self.headers["Content-Length"]))
        found = self.path == "/2015-03-31/functions/function/invocations"
        body = b'{"errorMessage": "no", "errorType": "ValueError"}' if b"fail" in event else event
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_invoke_in_the_cluster_calls_the_only_function_of_an_emulator(checkout: Path) -> None:
    (checkout / "events/fail.json").write_text('"fail"')
    with serve_in_thread(ThreadingHTTPServer(("127.0.0.1", 0), _Emulator)) as server:
        done = [
            subprocess.run(
                [checkout / "scripts/invoke", "--cluster", checkout / "events" / name],
                env=os.environ | {"FUNCTION_PORT": str(server.server_port)},
                capture_output=True,
                text=True,
                check=False,
            )
            for name in ("event.json", "fail.json")
        ]

    assert done[0].stdout == 'events/event.json: 200\n{"message": "hello world"}\n'
    assert done[1].stdout.startswith('events/fail.json: 200\n{"errorMessage"')
    assert [each.returncode for each in done] == [0, 1]


def test_load_fails_if_a_request_is_rejected(start_service: StartService, checkout: Path) -> None:
    service = start_service("def handler(event, context): return event", "--concurrency", "0")

    loaded = run(checkout, "load", service.url, "--requests", "3")

    assert loaded.returncode == 1
    assert loaded.stdout.split()[-2:] == ["3", "429"]


@pytest.mark.parametrize(
    "args",
    [("--requests", "many"), ("--parallel",), ("events/event.json", "events/event_alb.json")],
)
def test_load_rejects_a_wrong_call(args: tuple[str, ...], checkout: Path) -> None:
    assert run(checkout, "load", "http://127.0.0.1:1", *args).returncode == 2
