"""Several functions of one template in one Deployment."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.http import request
from support.project import write_project
from support.waiting import wait_until
from tests.cluster.conftest import CreateWorkspace
from tests.cluster.support.workspace import DEADLINE, Tilt, Workspace

pytestmark = pytest.mark.cluster

GREETS = "def handler(event, context):\n    return {'greeted': event['name']}\n"
CALLS = """
import json
import boto3

def handler(event, context):
    response = boto3.client("lambda").invoke(FunctionName="Greeter", Payload=json.dumps(event))
    return json.load(response["Payload"])
"""
TWO = {
    "template.yaml": """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Handler: app.handler, Timeout: 10}}
Resources:
  Greeter: {Type: AWS::Serverless::Function, Properties: {FunctionName: Greeter, CodeUri: greeter}}
  Caller: {Type: AWS::Serverless::Function, Properties: {FunctionName: Caller, CodeUri: caller}}
""",
    "greeter/app.py": GREETS,
    "caller/app.py": CALLS,
    "caller/requirements.txt": "boto3\n",
    "events/Greeter/ann.json": '{"name": "Ann"}',
    "events/Greeter/expected/ann.json": '{"greeted": "Ann"}',
    "events/Caller/ben.json": '{"name": "Ben"}',
    "events/Caller/expected/ben.json": '{"greeted": "Ben"}',
}


@pytest.fixture(scope="module")
def workspace(
    tmp_path_factory: pytest.TempPathFactory, create_workspace: CreateWorkspace
) -> Workspace:
    project = tmp_path_factory.mktemp("two")
    write_project(project, TWO)
    return create_workspace(project)


@pytest.fixture(scope="module")
def tilt(workspace: Workspace) -> Iterator[Tilt]:
    with Tilt(workspace) as tilt:
        yield tilt


def response(workspace: Workspace, function: str) -> Any:
    path = f"/2015-03-31/functions/{function}/invocations"
    return request(workspace.url, "POST", path, json.dumps({"name": "Eve"}).encode()).json()


@pytest.mark.usefixtures("tilt")
def test_function_invokes_another_by_boto3(workspace: Workspace) -> None:
    assert response(workspace, "Caller") == {"greeted": "Eve"}


def test_each_function_has_row_for_checks(tilt: Tilt) -> None:
    assert {"Greeter-checks", "Caller-checks"} <= tilt.statuses().keys()


def test_save_of_one_function_is_live_and_checked(tilt: Tilt, workspace: Workspace) -> None:
    workspace.edit("greeter/app.py", "greeted", "saluted")

    saluted = {"saluted": "Eve"}
    wait_until(lambda: response(workspace, "Greeter") == saluted, "the edit is live", DEADLINE)
    failed = {"Greeter-checks": "error", "Caller-checks": "error"}
    wait_until(lambda: failed.items() <= tilt.statuses().items(), "the checks fail", DEADLINE)
    workspace.write("greeter/app.py", GREETS)
    tilt.wait_until_green()
