"""`scripts/image`: AWS's emulator runs the function with the settings of its template."""

import subprocess
from pathlib import Path

import pytest

from support.project import write_project
from tests.cluster.support.workspace import Workspace

pytestmark = pytest.mark.cluster

FILES = {
    "template.yaml": """
Transform: AWS::Serverless-2016-10-31
Resources:
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: reader
      Runtime: python3.12
      CodeUri: reader
      Handler: app.handler
      MemorySize: 512
      Environment: {Variables: {TABLE: orders, LINES: "one\\ntwo"}}
""",
    "reader/app.py": """
import os

def handler(event, context):
    return [os.environ[name] for name in ("TABLE", "LINES", "OWN")] + [context.memory_limit_in_mb]
""",
    ".env.reader": "OWN='a b'\n",
    "events/event.json": "{}",
    "events/expected/event.json": r'["orders", "one\ntwo", "a b", "512"]',
}


def test_image_gets_variables_and_memory_of_the_template(tmp_path: Path) -> None:
    write_project(tmp_path / "project", FILES)
    workspace = Workspace(tmp_path / "workspace", tmp_path / "project")

    checked = subprocess.run(
        ["scripts/image"], cwd=workspace.directory, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 of 1 events as expected" in checked.stdout
