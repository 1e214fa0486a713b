"""An environment that cannot start fails the requests that wait for it, whatever the reason."""

import json
from collections.abc import Mapping

import pytest

from support.lambda_service import LambdaService
from support.project import RUNS_ITS_EVENT
from support.service_starter import StartService

TEMPLATE = """
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: function
      CodeUri: function
      Handler: app.handler
      Runtime: python3.12
      Environment: {Variables: {WRONG: none}}
"""
SAMCONFIG = 'version = 0.1\n[default.local_invoke.parameters]\nenv_vars = "env.json"\n'


def samconfig(value: str) -> dict[str, str]:
    env = json.dumps({"Parameters": {"WRONG": value}})
    return {"samconfig.toml": SAMCONFIG, "env.json": env}


NUL = samconfig("a\0b")
SURROGATE = samconfig("\ud800")


def fail_twice(service: LambdaService) -> str:
    """Return the message of two requests that both fail to start an environment."""
    errors = [service.invoke({"code": "reply = 1"}).json() for _ in range(2)]
    assert {error["errorType"] for error in errors} == {"ServiceException"}
    assert errors[0] == errors[1]
    return str(errors[0]["errorMessage"])


@pytest.mark.parametrize("files", [NUL, SURROGATE], ids=["nul", "surrogate"])
def test_unencodable_variable_fails_requests_until_fixed(
    start_service: StartService, files: Mapping[str, str]
) -> None:
    project = {"function/app.py": RUNS_ITS_EVENT, "template.yaml": TEMPLATE, **files}
    service = start_service(project, handler=None)

    assert "variable 'WRONG' has a character that no process" in fail_twice(service)
    for name in files:
        (service.project / name).write_text("", encoding="utf-8")
    assert service.run("import os; reply = os.environ['WRONG']") == "none"


def test_unexpected_error_at_start_fails_requests_and_stops(start_service: StartService) -> None:
    # a path that is a number stands for any unexpected error
    constants = {"environments.process_spec.RUNTIME_DIRECTORY": 5}
    service = start_service(RUNS_ITS_EVENT, constants=constants)

    assert "TypeError: unsupported operand" in fail_twice(service)
    assert service.end() == 0
