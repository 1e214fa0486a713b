import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import starter
from tests.environment.support.checks import RETURNS_RESPONSE, Checks, copy_scripts
from tests.environment.support.machine import Machine, listening

APP = """
def lambda_handler(event, context):
    print(context.aws_request_id)
    if "message" not in event:
        return {"statusCode": 400, "body": "no message"}
    return {"statusCode": 200, "body": f"The received message is: '{event['message']}'"}
"""
HELLO = {"statusCode": 200, "body": "The received message is: 'hello world'"}
EXPECTED: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "event.json": ({"message": "hello world"}, HELLO),
    "event_alb.json": ({"path": "/", "message": "hello world"}, HELLO),
    "event_no_message.json": ({}, {"statusCode": 400, "body": "no message"}),
}


def write_checkout(directory: Path) -> None:
    """Write a checkout of a user's function: the scripts, code and events."""
    events = {f"events/{name}": json.dumps(event) for name, (event, _) in EXPECTED.items()}
    expected = {
        f"events/expected/{name}": json.dumps(response, indent=2) + "\n"
        for name, (_, response) in EXPECTED.items()
    }
    code = {"lambda_app/__init__.py": "", "lambda_app/app.py": APP}
    write_project(directory, code | events | expected)
    copy_scripts(directory)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    write_checkout(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaService]:
    """Return a service with the checkout's function."""
    directory = tmp_path_factory.mktemp("checkout")
    write_checkout(directory)
    with closing(LambdaService(directory, handler="lambda_app.app.lambda_handler")) as service:
        service.wait_until_ready()
        yield service


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that this process uses."""
    with listening("127.0.0.1") as port:
        yield port


@pytest.fixture(scope="session")
def response_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LambdaService]:
    with ExitStack() as services:
        source = {"function/__init__.py": "", "function/app.py": RETURNS_RESPONSE}
        yield starter(tmp_path_factory.mktemp("project"), services)(source)


@pytest.fixture
def checks(response_service: LambdaService, tmp_path: Path) -> Checks:
    if not shutil.which("curl"):
        pytest.skip("scripts/check needs curl")
    return Checks(tmp_path, response_service.project / "function", response_service.url)
