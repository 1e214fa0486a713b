"""Processes that a function starts see the function's packages, and none of the service's."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.lambda_service import LambdaService
from support.project import RUNS_ITS_EVENT
from support.service_starter import StartService

TEMPLATE = """
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer}
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: function
      CodeUri: function
      Handler: app.handler
      Runtime: python3.12
      Layers: [!Ref Layer]
      Environment:
        Variables:
          TOOL: /opt/bin/tool
          ALSO: /opt/none
          PLACES: /var/task/data:/opt/data:/opt/none:/elsewhere
  Other:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: other
      CodeUri: function
      Handler: app.handler
      Runtime: python3.12
      Layers: [!Ref Layer]
      Environment: {Variables: {PYTHONPATH: "/opt/modules:/var/task/data"}}
  Layered:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: layered
      CodeUri: function
      Handler: app.handler
      Runtime: python3.12
      Layers: [!Ref Layer]
      Environment: {Variables: {PYTHONPATH: /opt/python}}
"""
PROJECT = {
    "template.yaml": TEMPLATE,
    "function/app.py": RUNS_ITS_EVENT,
    "function/own.py": "def double(number): return 2 * number\n",
    "function/data/file": "",
    "function/own.pth": "vendored\nimport sys; sys.path_file = 'processed'\n",
    "function/vendored/inner.py": "NAME = 'inner'\n",
    "layer/python/layer.pth": "nested\n",
    "layer/python/nested/nested_module.py": "",
    "layer/modules/searched.py": "",
    "layer/python/layered.py": "NAME = 'layered'\n",
    "layer/python/six.py": "__version__ = 'of the layer'\n",
    "layer/bin/tool": "#!/bin/sh\necho tool of the layer\n",
    "layer/lib/libnothing.so": "",
    "layer/data/file": "",
}
SEES = """
import importlib.util, json, sys
names = ("layered", "own", "boto3", "six", "uvicorn", "lambda_live", "httptools", "pytest")
found = [name for name in names if importlib.util.find_spec(name)]
import six, botocore
print(json.dumps([found, six.__version__, botocore.__version__]))
"""
RUN = """
import json, os, subprocess, sys
environ = event.get("environ", os.environ)
command = [sys.executable if part == "PYTHON" else part for part in event["command"]]
done = subprocess.run(command, env=environ, cwd=event.get("folder"), capture_output=True, text=True)
reply = done.stdout if done.returncode == 0 else done.stderr
"""
POOL = """
import importlib.util, multiprocessing, own
with multiprocessing.get_context(event["method"]).Pool(1) as pool:
    found = pool.map(importlib.util.find_spec, ["layered", "boto3", "uvicorn", "httptools"])
    reply = pool.apply(own.double, [21]), [spec and spec.name for spec in found]
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService, tmp_path_factory: Any) -> LambdaService:
    folder: Path = tmp_path_factory.mktemp("project")
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "layer/bin/tool").chmod(0o755)
    return start_module_service(folder, handler=None)


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (["PYTHON", "-c", SEES], {}),
        (["python3", "-c", SEES], {}),
        (["python", "-c", SEES], {}),
        (["PYTHON", "-c", SEES], {"environ": {}}),
    ],
    ids=["executable", "python3", "python", "without variables"],
)
def test_child_sees_packages_of_the_function_only(
    service: LambdaService, command: list[str], event: Mapping[str, object]
) -> None:
    response = service.run(RUN, command=command, **event)
    own = service.run("import botocore; reply = botocore.__version__")

    assert response == f'[["layered", "own", "boto3", "six"], "of the layer", "{own}"]\n'


def test_isolated_child_sees_no_package_of_the_service(service: LambdaService) -> None:
    response = service.run(RUN, command=["PYTHON", "-I", "-c", SEES], folder="/")

    assert response.startswith('[["layered", "boto3", "six"], "of the layer", ')


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_pool_worker_sees_packages_of_the_function_only(
    service: LambdaService, method: str
) -> None:
    assert service.run(POOL, method=method) == [42, ["layered", "boto3", None, None]]


def test_layers_are_on_the_search_paths(service: LambdaService) -> None:
    assert service.run(RUN, command=["tool"]) == "tool of the layer\n"
    code = "import os; reply = os.environ['LD_LIBRARY_PATH'].split(':')"
    assert str(service.project / "layer/lib") in service.run(code)


def test_variables_with_paths_of_aws_name_local_files(service: LambdaService) -> None:
    tool, places = service.run("import os; reply = os.environ['TOOL'], os.environ['PLACES']")

    layer = service.project / "layer"
    assert tool == str(layer / "bin/tool")
    expected = [service.project / "function/data", layer / "data", "/opt/none", "/elsewhere"]
    assert places == os.pathsep.join(map(str, expected))
    (line,) = (n for n, text in enumerate(TEMPLATE.splitlines(), 1) if "PLACES:" in text)
    problem = "function: PLACES names /opt/none, which is not in the code or a layer here; add"
    assert f"template.yaml:{line}: {problem}" in service.wait_for_line(problem)
    assert service.wait_for_line("function: ALSO names /opt/none")
    assert not [line for line in service.lines if "TOOL names" in line]


def test_pythonpath_is_set_and_names_no_modules(service: LambdaService) -> None:
    code = "import os; path = os.environ['PYTHONPATH']; reply = path, os.listdir(path)"
    path, names = service.run(code)

    assert path
    assert names == []


FINDS = """
import importlib.util, sys
names = ["inner", "layered", "nested_module", "searched", "own", "boto3"]
reply = [name for name in names if importlib.util.find_spec(name)]
"""


def test_path_files_are_processed_as_on_aws(service: LambdaService) -> None:
    assert service.run(FINDS) == ["inner", "layered", "nested_module", "own", "boto3"]
    assert service.run("import sys; reply = sys.path_file") == "processed"


def test_saved_path_file_applies_to_the_next_request(service: LambdaService) -> None:
    file = service.project / "function/own.pth"
    file.write_text("vendored\nimport sys; sys.path_file = 'saved'\n", encoding="utf-8")

    assert service.run("import sys; reply = sys.path_file") == "saved"


@pytest.mark.parametrize(
    ("function", "found", "folders"),
    [
        ("other", ["inner", "searched", "own", "boto3"], ["layer/modules", "function/data"]),
        ("layered", ["inner", "layered", "own", "boto3"], ["layer/python"]),
    ],
)
def test_pythonpath_of_the_function_replaces_its_layers(
    service: LambdaService, function: str, found: list[str], folders: list[str]
) -> None:
    code = FINDS + "import os; reply.append(os.environ['PYTHONPATH'])"
    response = service.boto3.invoke(FunctionName=function, Payload=json.dumps({"code": code}))
    path = ":".join(str(service.project / folder) for folder in folders)

    assert json.load(response["Payload"]) == [*found, path]
