"""CDK apps: functions run from their source, not from `cdk.out`."""

from pathlib import Path

import pytest

from lambda_live.checks.curl import STATE_PATH as STATE
from support.cdk import function, stage, synthesize
from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until

HELLO = "def handler(event, context):\n    return 'hello'\n"
OTHER = "import os\n\ndef handler(event, context):\n    return os.getcwd()\n"


@pytest.fixture(scope="module")
def service(
    start_module_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> LambdaService:
    app = tmp_path_factory.mktemp("app")
    write_project(app, {"lambda/hello/index.py": HELLO, "lambda/other/index.py": OTHER})
    synthesize(app, Stack={"Hello1A2B3C4D": function("1", "Stack/Hello")})
    stage(app, "lambda/hello", "1")
    return start_module_service(app, handler=None)


def names(service: LambdaService) -> list[str]:
    return [each["FunctionName"] for each in service.boto3.list_functions()["Functions"]]


def test_save_of_the_source_takes_effect(service: LambdaService) -> None:
    assert service.result("Hello") == "hello"
    write_project(service.project, {"lambda/hello/index.py": HELLO.replace("hello", "good day")})
    assert service.result("Hello") == "good day"


def test_function_added_by_synth_is_served(service: LambdaService) -> None:
    both = {
        "Hello1A2B3C4D": function("1", "Stack/Hello"),
        "Other5E6F7A8B": function("2", "Stack/Other"),
    }
    stage(service.project, "lambda/other", "2")
    synthesize(service.project, Stack=both)
    wait_until(lambda: "Other" in names(service), "the new function")
    assert Path(str(service.result("Other"))) == service.project / "lambda/other"


def test_error_names_the_edited_file(service: LambdaService) -> None:
    write_project(service.project, {"lambda/hello/index.py": "1 / 0\n"})
    service.result("Hello")
    state = service.request("GET", STATE).json()
    error = next(each["error"] for each in state["functions"] if each["name"] == "Hello")
    assert (error["type"], error["file"]) == ("ZeroDivisionError", "lambda/hello/index.py")
