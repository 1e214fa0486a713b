"""CDK apps: functions run from their source, not from `cdk.out`."""

from pathlib import Path

import pytest

from lambda_live.http.code_status_api import PATH as STATE
from support.cdk import function, stage, synthesize
from support.local_lambda import LocalLambda
from support.project import write_project
from support.starting import StartLambda
from support.waiting import wait_until

HELLO = "def handler(event, context):\n    return 'hello'\n"
OTHER = "import os\n\ndef handler(event, context):\n    return os.getcwd()\n"


@pytest.fixture(scope="module")
def service(
    start_module_lambda: StartLambda, tmp_path_factory: pytest.TempPathFactory
) -> LocalLambda:
    app = tmp_path_factory.mktemp("app")
    write_project(app, {"lambda/hello/index.py": HELLO, "lambda/other/index.py": OTHER})
    synthesize(app, Stack={"Hello1A2B3C4D": function("1", "Stack/Hello")})
    stage(app, "lambda/hello", "1")
    return start_module_lambda(app, handler=None)


def names(service: LocalLambda) -> list[str]:
    return [each["FunctionName"] for each in service.boto3.list_functions()["Functions"]]


def answer(service: LocalLambda, name: str) -> object:
    return service.json_of(service.boto3.invoke(FunctionName=name, Payload="{}"))


def test_save_of_the_source_takes_effect(service: LocalLambda) -> None:
    assert answer(service, "Hello") == "hello"
    write_project(service.project, {"lambda/hello/index.py": HELLO.replace("hello", "good day")})
    assert answer(service, "Hello") == "good day"


def test_function_added_by_synth_is_served(service: LocalLambda) -> None:
    both = {
        "Hello1A2B3C4D": function("1", "Stack/Hello"),
        "Other5E6F7A8B": function("2", "Stack/Other"),
    }
    stage(service.project, "lambda/other", "2")
    synthesize(service.project, Stack=both)
    wait_until(lambda: "Other" in names(service), "the new function")
    assert Path(str(answer(service, "Other"))) == service.project / "lambda/other"


def test_error_names_the_edited_file(service: LocalLambda) -> None:
    write_project(service.project, {"lambda/hello/index.py": "1 / 0\n"})
    answer(service, "Hello")
    state = service.request("GET", STATE).json()
    error = next(each["error"] for each in state["functions"] if each["name"] == "Hello")
    assert (error["type"], error["file"]) == ("ZeroDivisionError", "lambda/hello/index.py")
