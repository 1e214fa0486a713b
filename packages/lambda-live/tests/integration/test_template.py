"""A service that serves the functions of a template."""

import base64
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from lambda_live.cli.command_line import parse
from lambda_live.cli.main import main
from support.http import request
from support.lambda_service import LambdaService, environment
from support.project import write_project
from support.service_starter import StartService
from support.wheel import write_wheel

TWO = {
    "template.yaml": """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Globals:
  Function: {Runtime: python3.12, Timeout: 20}
Resources:
  Greeter:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: Greeter
      CodeUri: greeter/
      Handler: app.handler
      MemorySize: 256
      Environment: {Variables: {GREETING: !Sub "${Greeting} from ${AWS::Region}"}}
  Caller:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: caller/
      Handler: src.main.handler
""",
    "greeter/app.py": """
import os
from words import PUNCTUATION

def handler(event, context):
    return {"said": os.environ["GREETING"] + PUNCTUATION, "memory": context.memory_limit_in_mb,
            "name": context.function_name, "directory": os.path.basename(os.getcwd())}
""",
    "greeter/words.py": 'PUNCTUATION = "!"\n',
    "caller/src/main.py": """
import json
import boto3

def handler(event, context):
    response = boto3.client("lambda").invoke(FunctionName="Greeter", Payload="{}")
    return {"Greeter": json.load(response["Payload"])}
""",
}
GREETED = {
    "said": "hello from us-east-1!",
    "memory": "256",
    "name": "Greeter",
    "directory": "greeter",
}


WRITES = """
def handler(event, context):
    print(event)
    print(dict())
"""
TWO_WRITERS = {
    "template.yaml": """
Globals: {Function: {Runtime: python3.12, Handler: app.handler, CodeUri: code}}
Resources:
  Reader: {Type: AWS::Serverless::Function}
  Writer: {Type: AWS::Serverless::Function}
""",
    "code/app.py": WRITES,
}


def run(root: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lambda_live", "--port=0", "--admin-port=0", *args],
        cwd=root,
        env=environment() | {"XDG_CACHE_HOME": str(root / "cache")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def two(start_module_service: StartService) -> LambdaService:
    return start_module_service(TWO, handler=None)


def test_function_is_invoked_by_its_name(two: LambdaService) -> None:
    greeted = two.boto3.invoke(FunctionName="Greeter", Payload="{}")
    unknown = two.request("POST", "/2015-03-31/functions/function/invocations", b"{}")

    assert two.json_of(greeted) == GREETED
    assert unknown.status == 404


def test_function_invokes_another_with_boto3(two: LambdaService) -> None:
    response = two.boto3.invoke(FunctionName="Caller", Payload="{}")

    assert two.json_of(response) == {"Greeter": GREETED}


def test_function_url_host_is_case_insensitive(two: LambdaService) -> None:
    with closing(HTTPConnection(two.url.removeprefix("http://"), timeout=60)) as connection:
        connection.request("GET", "/", headers={"Host": "gReeter.localhost:3001"})
        named = json.load(connection.getresponse())
    rows = request(two.admin_url, "GET", "/api/rows").json()
    snippets = request(two.admin_url, "GET", f"/api/rows/{rows[0]['id']}/snippets").json()
    unnamed = two.request("GET", "/")

    assert named == GREETED
    assert "//Greeter.localhost:" in snippets["curl"]
    assert unnamed.status == 404
    assert "http://greeter.localhost" in unnamed.json()["message"]


def test_save_reloads_only_the_functions_with_that_code(two: LambdaService) -> None:
    before = two.admin("/ready").json()["functions"]
    words = two.project / "greeter/words.py"
    words.write_text('PUNCTUATION = "?"\n')

    response = two.boto3.invoke(FunctionName="Greeter", Payload="{}")

    after = two.admin("/ready").json()["functions"]
    words.write_text(TWO["greeter/words.py"])
    assert two.json_of(response)["said"] == "hello from us-east-1?"
    assert after["Greeter"] != before["Greeter"]
    assert after["Caller"] == before["Caller"]
    two.wait_for_line("reloaded (function Greeter")


def test_metrics_have_the_function_name(two: LambdaService) -> None:
    before = two.metric("lambda_invocations_total", function_name="Greeter")

    two.boto3.invoke(FunctionName="Caller", Payload="{}")

    assert two.metric("lambda_invocations_total", function_name="Greeter") == before + 1
    assert two.metric("lambda_invocations_total", function_name="Caller") >= 1
    assert two.metric("lambda_memory_size_bytes", function_name="Greeter") == 256 * 2**20
    assert "python_info" in two.admin("/metrics").body.decode()


def test_parameter_option_sets_a_parameter(start_service: StartService) -> None:
    service = start_service(TWO, "--parameter", "Greeting=moin", handler=None)

    response = service.boto3.invoke(FunctionName="Greeter", Payload="{}")

    assert service.json_of(response)["said"] == "moin from us-east-1!"


def only(handler: str = "app.handler") -> Mapping[str, str]:
    return {
        "template.yaml": f"""
Resources:
  Only:
    Type: AWS::Serverless::Function
    Properties: {{FunctionName: function, Runtime: python3.12, Handler: {handler}, CodeUri: code}}
""",
        "code/app.py": "def handler(event, context): __import__(event)\n",
    }


WITHOUT_TEMPLATE = {"lambda_function.py": "def lambda_handler(event, context): __import__(event)\n"}


@pytest.mark.parametrize("files", [only(), WITHOUT_TEMPLATE])
def test_function_cannot_import_the_packages_of_the_service(
    start_service: StartService, files: Mapping[str, str]
) -> None:
    service = start_service(files, handler=None)

    assert service.invoke("boto3").json() is None
    for tool in ("uvicorn", "prometheus_client", "pytest", "lambda_live"):
        assert service.invoke(tool).json()["errorType"] == "ModuleNotFoundError"


def test_requirements_are_installed_once_and_take_precedence(
    tmp_path: Path,
) -> None:
    source = dict(only())
    source["code/app.py"] = "import idna\ndef handler(event, context): return idna.__file__\n"
    source["code/requirements.txt"] = "./idna-0.0.1-py3-none-any.whl\n"
    write_project(tmp_path, source)
    write_wheel(tmp_path / "code", "idna")
    cache = str(tmp_path / "cache")

    with closing(LambdaService(tmp_path, handler=None, XDG_CACHE_HOME=cache)) as service:
        service.wait_until_ready()
        first, stderr = service.invoke({}).json(), service.stderr
        service.expected_stderr = stderr
    project = tmp_path / "code"
    with closing(LambdaService(project, handler="app.handler", XDG_CACHE_HOME=cache)) as service:
        without_template = service.invoke({}).json()

    assert first.startswith(cache)
    assert without_template == first
    assert stderr == "lambda-live: installing code/requirements.txt\n"


def test_failed_installation_is_reported_with_its_reason(tmp_path: Path) -> None:
    write_project(tmp_path, {**only(), "code/requirements.txt": "./nothing-here\n"})

    finished = run(tmp_path)

    assert finished.returncode == 1
    assert "code/requirements.txt can't be installed:" in finished.stderr
    assert "nothing-here" in finished.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Resources: [", ":2: invalid YAML"),
        ("Resources: {}", ":1: the template has no function; add a resource with Type:"),
        (only("nothing.handler")["template.yaml"], "the handler 'nothing.handler' has no module"),
        (
            only()["template.yaml"].replace("Handler:", "Timeout: soon, Handler:"),
            "Timeout",
        ),
    ],
)
def test_invalid_template_is_reported_with_its_line(
    tmp_path: Path, text: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(tmp_path, {**only(), "template.yaml": text})

    with pytest.raises(SystemExit) as raised:
        parse([], {}, tmp_path)

    out, err = capsys.readouterr()
    assert (raised.value.code, out) == (2, "")
    assert f"lambda-live: {tmp_path}/template.yaml:" in err
    assert why in err


def test_name_option_with_several_functions_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(tmp_path, TWO_WRITERS)

    with pytest.raises(SystemExit) as raised:
        parse(["--name", "one"], {}, tmp_path)

    assert raised.value.code == 2
    assert "--name is for a single function; the template has several" in capsys.readouterr().err


def test_describe_reports_an_invalid_template(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, {"template.yaml": "Resources: ["})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["lambda-live", "describe", "--folders"])

    with pytest.raises(SystemExit) as raised:
        main()

    out, err = capsys.readouterr()
    assert (raised.value.code, out) == (2, "")
    assert err.startswith("lambda-live: template.yaml:2: invalid YAML")


def test_json_log_lines_have_the_function_name(start_service: StartService) -> None:
    two = start_service(TWO_WRITERS, handler=None, AWS_LAMBDA_LOG_FORMAT="JSON")

    response = two.boto3.invoke(FunctionName="Writer", Payload=b"{}", LogType="Tail")

    two.wait_for_line('"platform.report"')
    lines = [json.loads(line) for line in two.log.splitlines() if line.startswith("{")]
    of_writer = [line for line in lines if line.get("functionName") == "Writer"]
    assert {line.get("type") for line in of_writer} >= {"platform.start", "platform.report", None}
    others = [line for line in lines if line.get("logger") != "lambda_live"]
    assert all("functionName" in line for line in others)
    assert b"functionName" not in base64.b64decode(response["LogResult"])
