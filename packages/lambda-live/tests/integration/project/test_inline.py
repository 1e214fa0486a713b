"""Inline code and code in a single file."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from support.lambda_service import LambdaService
from support.server_thread import serve_in_thread
from support.service_starter import StartService
from support.waiting import wait_until

TEMPLATE = """
Resources:
  Sam:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: !Sub |
        def handler(event, context):
            return "old ${AWS::Region}"
  Custom:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Code:
        ZipFile: |
          import cfnresponse

          def handler(event, context):
              cfnresponse.send(event, context, cfnresponse.SUCCESS, {"Name": "value"}, "id")
  File:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: alone.handler, CodeUri: code/alone.py}
"""
ALONE = "def handler(event, context):\n    return 'alone'\n"
EVENT = {"StackId": "stack", "RequestId": "request", "LogicalResourceId": "Custom"}


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    project = {"template.yaml": TEMPLATE, "code/alone.py": ALONE}
    return start_module_service(project, handler=None)


@pytest.fixture
def cloudformation() -> Iterator[HTTPServer]:
    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

    with serve_in_thread(HTTPServer(("127.0.0.1", 0), Receiver)) as server:
        received: list[bytes] = []
        server.received = received  # type: ignore[attr-defined]
        yield server


def test_inline_code_follows_saves_of_the_template(
    service: LambdaService,
) -> None:
    assert service.result("Sam", {}) == "old us-east-1"
    changed = TEMPLATE.replace("old ", "new ")
    (service.project / "template.yaml").write_text(changed, encoding="utf-8")
    assert service.result("Sam", {}) == "new us-east-1"


def test_function_with_a_single_file_responds(service: LambdaService) -> None:
    assert service.result("File", {}) == "alone"


def test_inline_code_can_import_cfnresponse(service: LambdaService, cloudformation: Any) -> None:
    url = f"http://127.0.0.1:{cloudformation.server_port}/"
    assert service.result("Custom", EVENT | {"ResponseURL": url}) is None
    assert b'"Status": "SUCCESS"' in cloudformation.received[0]
    assert b'"Data": {"Name": "value"}' in cloudformation.received[0]
    wait_until(lambda: any("Status code: 200" in line for line in service.lines))
