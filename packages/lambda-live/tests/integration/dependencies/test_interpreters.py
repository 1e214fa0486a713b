from pathlib import Path

import pytest

from lambda_live.dependencies.interpreters import (
    explain_substitute,
    find_interpreter,
    runtime_requirements,
)
from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from support.service_starter import StartService

OTHER = "python3.13" if SERVICE_INTERPRETER.runtime != "python3.13" else "python3.14"
TEMPLATE = f"""
Resources:
  Only:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: {OTHER}, Handler: app.handler, CodeUri: code}}
"""
APP = """
import os, sys
def handler(event, context):
    return [list(sys.version_info[:2]), os.environ["AWS_EXECUTION_ENV"]]
"""


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no other Python; return the folder of its programs."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(programs))
    find_interpreter.cache_clear()
    return programs


def test_missing_runtime_is_reported_and_replaced(
    nothing_installed: Path, start_service: StartService
) -> None:
    assert find_interpreter(OTHER) is None

    service = start_service(
        {"template.yaml": TEMPLATE, "code/app.py": APP},
        handler=None,
        PATH=str(nothing_installed),
        HOME=str(nothing_installed),
    )

    version = list(map(int, SERVICE_INTERPRETER.version.split(".")[:2]))
    response = service.boto3.invoke(FunctionName="Only", Payload="{}")
    assert service.json_of(response) == [version, f"AWS_Lambda_{SERVICE_INTERPRETER.runtime}"]
    service.wait_for_line(
        f"Only: {OTHER} is not installed; running on Python {SERVICE_INTERPRETER.version} instead"
    )


def test_old_runtime_is_reported_as_not_supported() -> None:
    notice = explain_substitute("Only", "python3.9")

    version = SERVICE_INTERPRETER.version
    assert notice == f"Only: python3.9 is not supported; running on Python {version} instead"


@pytest.mark.parametrize("folder", ["programs", f".pyenv/versions/{OTHER[6:]}.9/bin"])
def test_interpreter_is_found_on_path_and_in_pyenv(nothing_installed: Path, folder: str) -> None:
    home = nothing_installed.parent
    program = home / folder / OTHER
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho /opt/python\necho {OTHER[6:]}.9\n")
    program.chmod(0o755)

    found = find_interpreter(OTHER)

    assert found == Interpreter("/opt/python", f"{OTHER[6:]}.9")
    assert found.runtime == OTHER
    runtime = runtime_requirements(found)
    assert runtime is not None
    assert "awslambdaric==" in runtime.text
    own = runtime_requirements(SERVICE_INTERPRETER)
    assert own is None


def test_interpreter_ignores_program_that_fails(
    nothing_installed: Path,
) -> None:
    shim = nothing_installed / OTHER
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)

    assert find_interpreter(OTHER) is None
    assert find_interpreter("python3.9") is None
    assert find_interpreter(SERVICE_INTERPRETER.runtime) == SERVICE_INTERPRETER
