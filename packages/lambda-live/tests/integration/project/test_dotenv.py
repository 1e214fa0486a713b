"""The variables and folders of this machine that a function gets."""

import os
import stat
import threading
from functools import partial
from pathlib import Path

import pytest

from lambda_live.checks.http_file import read_request
from support.lambda_service import LambdaService
from support.project import RUNS_ITS_EVENT, write_project
from support.service_starter import StartService
from support.waiting import wait_until

FILES = {
    "template.yaml": """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, CodeUri: code/, Handler: app.handler}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      Layers: [!Ref Wrappers]
      Environment: {Variables: {TABLE: template, AWS_LAMBDA_EXEC_WRAPPER: /opt/wrapper}}
  Other: {Type: AWS::Serverless::Function}
  Vendored:
    Type: AWS::Serverless::Function
    Properties:
      Handler: vendored.handler
      Layers: [!Ref Wrappers]
      Environment: {Variables: {PYTHONPATH: "vendor:/opt/more:/var/task/third"}}
  Wrappers: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}
""",
    "code/app.py": "import os\ndef handler(event, context): return dict(os.environ)\n",
    "code/vendored.py": "import subprocess, sys, one, two, three\n"
    "def handler(event, context):\n"
    "    program = [sys.executable, '-c', 'import one; print(one.NAME)']\n"
    "    return [one.NAME, two.NAME, three.NAME, subprocess.check_output(program, text=True)]\n",
    "code/vendor/one.py": "NAME = 'one'\n",
    "layer/more/two.py": "NAME = 'two'\n",
    "code/third/three.py": "NAME = 'three'\n",
    "layer/wrapper": '#!/bin/sh\nWRAPPED="with $#" exec "$@"\n',
    ".env": """
# of this machine
TABLE=local
FROM_THE_SHELL
NOT_IN_THE_SHELL
GREETING="${WHO} there"
""",
    ".env.Other": "TABLE=other\nAWS_PROFILE\n",
}


TEMPLATE_WITHOUT = """
Resources:
  Wrapped:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: code/
"""
TEMPLATE_WITH_WRAPPER = f"""{TEMPLATE_WITHOUT}
      Environment: {{Variables: {{AWS_LAMBDA_EXEC_WRAPPER: /opt/nothing}}}}
"""


@pytest.fixture(scope="module")
def service(
    start_module_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> LambdaService:
    project = tmp_path_factory.mktemp("environment")
    write_project(project, FILES)
    (project / "layer/wrapper").chmod(stat.S_IRWXU)
    return start_module_service(
        project,
        "--env=NAMED=here",
        handler=None,
        FROM_THE_SHELL="passed",
        UNNAMED="kept",
        WHO="you",
        AWS_PROFILE="mine",
    )


def test_function_gets_variables_of_env_files_and_options(
    service: LambdaService,
) -> None:
    orders, other = service.result("Orders"), service.result("Other")

    assert (orders["TABLE"], other["TABLE"]) == ("local", "other")
    for each in (orders, other):
        assert each["FROM_THE_SHELL"] == "passed"
        assert each["GREETING"] == "${WHO} there"
        assert each["NAMED"] == "here"
        assert not {"NOT_IN_THE_SHELL", "UNNAMED"} & set(each)


def test_credentials_pass_only_if_named(service: LambdaService) -> None:
    orders, other = service.result("Orders"), service.result("Other")

    assert orders["AWS_ACCESS_KEY_ID"] == orders["AWS_SESSION_TOKEN"] == "placeholder"
    assert "AWS_PROFILE" not in orders
    assert other["AWS_PROFILE"] == "mine"
    assert "AWS_ACCESS_KEY_ID" not in other


def test_exec_wrapper_of_a_layer_starts_the_runtime(service: LambdaService) -> None:
    assert service.result("Orders")["WRAPPED"].startswith("with ")
    assert "WRAPPED" not in service.result("Other")


def test_local_variables_are_not_in_the_api(service: LambdaService) -> None:
    configuration = service.boto3.get_function_configuration(FunctionName="Orders")["Environment"]

    assert configuration["Variables"]["TABLE"] == "template"
    assert "NAMED" not in configuration["Variables"]


def test_saved_env_file_applies_and_an_invalid_one_is_logged(start_service: StartService) -> None:
    source = {"function/app.py": RUNS_ITS_EVENT, ".env": "A=1\n"}
    service = start_service(source)
    code = "import os; reply = os.environ['A']"
    assert service.run(code) == "1"

    (service.project / ".env").write_text("A=2\n")
    assert service.run(code) == "2"
    (service.project / ".env").write_text("A=3\n'what is this\n")

    service.wait_for_line(".env:2: invalid line; write NAME=VALUE")
    assert service.run(code) == "2"


def test_missing_exec_wrapper_is_reported(start_service: StartService) -> None:
    service = start_service(
        RUNS_ITS_EVENT, "--env=AWS_LAMBDA_EXEC_WRAPPER=/opt/nothing", ready=False
    )

    response = service.invoke({})

    assert response.json()["errorType"] == "ServiceException"
    assert "AWS_LAMBDA_EXEC_WRAPPER /opt/nothing not found" in response.json()["errorMessage"]


def test_missing_exec_wrapper_can_be_disabled(start_service: StartService) -> None:
    template = TEMPLATE_WITH_WRAPPER
    service = start_service(
        {"template.yaml": template, "code/app.py": RUNS_ITS_EVENT, ".env": ""},
        handler=None,
        ready=False,
    )
    invoke = partial(service.boto3.invoke, FunctionName="Wrapped", Payload='{"code": "reply = 1"}')
    assert "/opt/nothing" in service.json_of(invoke())["errorMessage"]

    (service.project / ".env").write_text("AWS_LAMBDA_EXEC_WRAPPER=\n", encoding="utf-8")
    assert service.json_of(invoke()) == 1


def test_missing_code_folder_is_reported_until_it_exists(
    start_service: StartService,
) -> None:
    service = start_service(
        {"code/app.py": RUNS_ITS_EVENT, "template.yaml": TEMPLATE_WITHOUT}, handler=None
    )
    invoke = partial(service.boto3.invoke, FunctionName="Wrapped", Payload='{"code": "reply = 1"}')
    code = service.project / "code"
    code.rename(service.project / "gone")
    assert f"code folder {code} not found" in service.json_of(invoke())["errorMessage"]

    (service.project / "gone").rename(code)
    assert service.json_of(invoke()) == 1


def test_pythonpath_of_aws_is_mapped_to_local_folders(service: LambdaService) -> None:
    response = service.result("Vendored")

    assert response == ["one", "two", "three", "one\n"]


def test_env_file_that_is_a_named_pipe_is_read_once(
    start_service: StartService, tmp_path: Path
) -> None:
    """1Password mounts .env as a named pipe, and asks for permission at each read."""
    os.mkfifo(tmp_path / ".env")
    writer = threading.Thread(target=(tmp_path / ".env").write_text, args=["TABLE=secret\n"])
    writer.start()
    template = FILES["template.yaml"].replace(", AWS_LAMBDA_EXEC_WRAPPER: /opt/wrapper", "")
    files = {each: text for each, text in FILES.items() if not each.startswith(".env")}

    service = start_service(files | {"template.yaml": template}, handler=None)
    writer.join()
    first = service.result("Orders")["TABLE"]
    write_project(service.project, {"template.yaml": template + "# saved\n"})

    assert (first, service.result("Orders")["TABLE"]) == ("secret", "secret")


def test_stop_does_not_wait_for_the_program_behind_a_named_pipe(
    start_service: StartService, tmp_path: Path
) -> None:
    template = FILES["template.yaml"].replace(", AWS_LAMBDA_EXEC_WRAPPER: /opt/wrapper", "")
    files = {each: text for each, text in FILES.items() if not each.startswith(".env")}
    constants = {"model.text_files._PIPE_TIMEOUT_SECONDS": 600}
    service = start_service(files | {"template.yaml": template}, handler=None, constants=constants)
    os.mkfifo(tmp_path / ".env")
    writer = wait_until(lambda: open_for_writing(tmp_path / ".env"), "the reader")

    assert service.end() == 0

    os.close(writer)


def open_for_writing(pipe: Path) -> int | None:
    """Return a descriptor if a program reads the pipe."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_http_file_with_a_named_pipe_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "body")
    (tmp_path / "event.http").write_text("POST /\n\n< body\n", encoding="utf-8")

    with pytest.raises(ValueError, match="body is not a regular file"):
        read_request(tmp_path / "event.http")
