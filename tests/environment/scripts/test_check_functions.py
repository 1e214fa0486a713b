"""Each function has its checks in its own folder of events."""

import json
import shutil
import subprocess

import pytest

from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService
from tests.environment.support.checks import copy_scripts

TEMPLATE = """
Globals: {Function: {Runtime: python3.12, Handler: app.handler}}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: orders, CodeUri: src/orders}
  Stock:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: Stock-2, CodeUri: src/stock}
"""
RETURNS_NAME = "def handler(event, context): return {name!r}\n"
FILES = {
    "template.yaml": TEMPLATE,
    "src/orders/app.py": RETURNS_NAME.format(name="orders"),
    "src/stock/app.py": RETURNS_NAME.format(name="stock"),
    "events/orders/a.json": "{}",
    "events/orders/expected/a.json": '"orders"',
    "events/Stock-2/a.json": "{}",
    "events/Stock-2/expected/a.json": '"stock"',
    "events/Stock-2/r.http": "GET /",
    "events/Stock-2/expected/r.http": "200\n\nstock",
}

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="scripts/check needs curl")


def check(service: LambdaService, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["scripts/check", "--url", service.url, *args],
        cwd=service.project,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def shared(
    start_module_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> LambdaService:
    project = tmp_path_factory.mktemp("two")
    copy_scripts(project)
    write_project(project, FILES)
    return start_module_service(project, handler=None)


@pytest.fixture
def two(shared: LambdaService) -> LambdaService:
    """Return the module's service, and restore its files afterwards."""
    write_project(shared.project, FILES)
    return shared


def test_each_function_gets_the_events_of_its_folder(two: LambdaService) -> None:
    done = check(two)
    assert (done.stdout, done.stderr) == ("3 of 3 events as expected\n", "")

    (two.project / "src/stock/app.py").write_text("def handler(:")
    done = check(two)
    assert done.stdout.splitlines() == [
        "src/stock/app.py:1: SyntaxError: invalid syntax",
        "1 of 1 events as expected, 2 events wait for code that loads",
    ]

    only = json.loads(check(two, "--json", "events/orders/a.json").stdout)
    assert only["as_expected"]
    assert only["checks"][0]["function"] == "orders"


def test_an_error_has_its_path_in_the_project(
    two: LambdaService,
) -> None:
    (two.project / "src/stock/app.py").write_text("def handler(event, context): 1 / 0\n")
    (two.project / "events/Stock-2/expected/a.json").unlink()
    done = check(two, "events/Stock-2/a.json")

    assert done.stdout.splitlines() == [
        "Stock-2/a.json: ZeroDivisionError: division by zero (src/stock/app.py:1)",
        "0 of 1 events as expected",
    ]


def test_an_event_outside_the_function_folders_is_rejected(two: LambdaService) -> None:
    (two.project / "events/a.json").write_text("{}")
    done = check(two, "events/a.json")
    (two.project / "events/a.json").unlink()

    assert done.returncode == 2
    assert "events/orders/ events/Stock-2/" in done.stderr
