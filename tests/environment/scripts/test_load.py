import subprocess
from pathlib import Path

from support.project import REPOSITORY
from support.service_starter import StartService

TEMPLATE = """
Resources:
  First: &function
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, CodeUri: ., Handler: app.handler}
  Second: *function
"""
APP = """
import json

def handler(event, context):
    print(context.function_name, "got", json.dumps(event))
"""


def load(*args: str, checkout: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts/load", *args], capture_output=True, text=True, timeout=120, check=False
    )


def test_load_counts_responses_by_status(start_service: StartService) -> None:
    service = start_service("def handler(event, context): return event")

    loaded = load("--url", service.url, "--requests", "30", "--parallel", "3")

    assert loaded.returncode == 0
    assert loaded.stdout == "responses of function by status:\n     30 200\n"


def test_load_sends_a_function_the_event_of_its_folder(
    start_service: StartService, checkout: Path
) -> None:
    project = {"template.yaml": TEMPLATE, "app.py": APP}
    service = start_service(project, handler=None)
    event = checkout / "Second" / "event.json"
    event.parent.mkdir()
    event.write_text('"the event"')

    loaded = load("--url", service.url, "--requests", "2", str(event), checkout=checkout)
    first = load("--url", service.url, "--requests", "3", checkout=checkout)

    assert loaded.stdout == "responses of Second by status:\n      2 200\n"
    assert first.stdout == "responses of First by status:\n      3 200\n"
    service.wait_for_line('First got {"message": "hello world"}', 3)
    service.wait_for_line('Second got "the event"', 2)


def test_load_fails_if_a_request_is_rejected(start_service: StartService) -> None:
    service = start_service("def handler(event, context): return event", "--concurrency", "0")

    loaded = load("--url", service.url, "--requests", "3")

    assert loaded.returncode == 1
    assert loaded.stdout.split()[-2:] == ["3", "429"]


def test_load_fails_without_a_service(start_service: StartService) -> None:
    service = start_service("def handler(event, context): return event")
    service.close()

    loaded = load("--url", service.url, "--requests", "3")

    assert loaded.returncode == 1
    assert "Start the function with: make up" in loaded.stderr


def test_load_rejects_an_invalid_number() -> None:
    assert load("--requests", "many").returncode == 2
    assert load("--parallel").returncode == 2
    assert load("no-such-event.json").returncode == 2
