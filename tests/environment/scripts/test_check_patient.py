"""A check that is running when a save breaks the code."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lambda_service import LambdaService, environment
from support.service_starter import StartService
from support.waiting import wait_until
from tests.environment.support.checks import copy_scripts

SLOW = """
import pathlib
import time

def handler(event, context):
    pathlib.Path(event["started"]).touch()
    while event["until"] and not pathlib.Path(event["until"]).exists():
        time.sleep(0.01)
    return "done"
"""
TEMPLATE = """
Resources:
  Slow:
    Type: AWS::Serverless::Function
    Properties: {FunctionName: function, Runtime: python3.12, Handler: app.handler, CodeUri: code}
"""

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="scripts/check needs curl")


@pytest.fixture
def service(start_service: StartService, tmp_path: Path) -> LambdaService:
    """Return a function whose first invocation ends when the test creates a file."""
    first = {"started": str(tmp_path / "started"), "until": str(tmp_path / "until")}
    second = first | {"until": ""}
    files = {"template.yaml": TEMPLATE, "code/app.py": SLOW}
    for name, event in (("a", first), ("b", second)):
        files[f"events/{name}.json"] = json.dumps(event)
        files[f"events/expected/{name}.json"] = '"done"'
    service = start_service(files, handler=None)
    copy_scripts(service.project)
    return service


@pytest.fixture
def check(service: LambdaService) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        ["scripts/check", "--patient", "--url", service.url],
        cwd=service.project,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as check:
        yield check
        check.kill()


def test_patient_check_waits_until_the_code_loads(
    service: LambdaService, check: subprocess.Popen[str], tmp_path: Path
) -> None:
    wait_until((tmp_path / "started").exists, "the first invocation has started")
    (service.project / "code/app.py").write_text("def broken(:\n")
    wait_until(lambda: "errorType" in service.invoke().json(), "the save is live")

    (tmp_path / "until").touch()

    with pytest.raises(subprocess.TimeoutExpired):
        check.wait(2)
    (service.project / "code/app.py").write_text(SLOW)
    output, _ = check.communicate()
    assert check.returncode == 0, output
    assert "waiting" not in output
