"""An emulator that several services of one project share, as the pods of a cluster do."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from lambda_live.resources import emulator
from support.aws import RECORDER
from support.lambda_service import LambdaService
from support.project import write_project
from support.waiting import wait_until

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: code/
      Handler: app.handler
      Environment: {Variables: {EVENTS: ../events.jsonl}}
      Events:
        Stream:
          Type: DynamoDB
          Properties: {Stream: !GetAtt Items.StreamArn, StartingPosition: TRIM_HORIZON}
  Items:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: items
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
  Later: {Type: AWS::SQS::Queue, Properties: {QueueName: later, VisibilityTimeout: 60}}
"""
PROGRAM = Path(emulator.__file__).with_name("emulator_process.py")
SEED = '[{"id": "seed"}]'


class Shared:
    """The emulator, and the services that use it."""

    def __init__(self, project: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
        self.project = project
        options: dict[str, Any] = {
            "endpoint_url": f"http://127.0.0.1:{self.port}",
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        self.table = boto3.resource("dynamodb", **options).Table("items")
        self.sqs = boto3.client("sqs", **options)

    @contextmanager
    def emulator(self) -> Iterator[None]:
        """Run the emulator as a cluster does."""
        program = [sys.executable, "-P", "-S", str(PROGRAM), f"127.0.0.1:{self.port}"]
        environ = {
            "PYTHONPATH": str(emulator.Emulator.install(lambda _: None)),
            "HOME": str(self.project),
            "PATH": os.environ["PATH"],
            "MINISTACK_ACCOUNT_ID": "123456789012",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "LOG_LEVEL": "ERROR",
        }
        with subprocess.Popen(program, env=environ, cwd=self.project) as process:
            try:
                url = f"http://127.0.0.1:{self.port}"
                found = emulator.Emulator.connect(url, timeout=30)
                assert found.reports_changes
                yield
            finally:
                process.terminate()

    @contextmanager
    def service(self) -> Iterator[LambdaService]:
        """Run a service of the project."""
        url = f"http://127.0.0.1:{self.port}"
        service = LambdaService(self.project, handler=None, AWS_ENDPOINT_URL=url)
        try:
            service.wait_until_ready()
            yield service
        finally:
            service.close()

    def put(self, name: str) -> None:
        self.table.put_item(Item={"id": name})

    def delivered(self) -> list[str]:
        """Return the keys of all records that a function got, sorted."""
        file = self.project / "events.jsonl"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return sorted(part.split('"')[0] for part in text.split('"Keys": {"id": {"S": "')[1:])


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    files = {"template.yaml": TEMPLATE, "code/app.py": RECORDER, "seed/tables/items.json": SEED}
    write_project(tmp_path, files)
    return Shared(tmp_path)


def test_one_of_two_services_reads_a_stream_and_the_other_takes_over(shared: Shared) -> None:
    with shared.emulator(), shared.service() as first, shared.service():
        shared.put("a")
        wait_until(lambda: shared.delivered() == ["a", "seed"], "the record, once")
        first.end(signal.SIGKILL)
        first.kill()

        shared.put("b")

        wait_until(lambda: "b" in shared.delivered(), "the next record")
        # A killed service may not have saved that it delivered the last record.
        assert sorted(set(shared.delivered())) == ["a", "b", "seed"]


def test_a_restarted_emulator_gets_resources_data_and_mappings_again(shared: Shared) -> None:
    with ExitStack() as stack:
        with shared.emulator():
            service = stack.enter_context(shared.service())
            wait_until(lambda: shared.delivered() == ["seed"], "the first record")
            service.boto3.create_event_source_mapping(
                EventSourceArn="arn:aws:sqs:us-east-1:123456789012:later", FunctionName="Work"
            )
        service.wait_for_line("stopped; connecting again")
        with shared.emulator():
            wait_until(lambda: shared.delivered() == ["seed", "seed"], "the data")

            shared.put("a")

            wait_until(lambda: "a" in shared.delivered(), "the next record")
            url = shared.sqs.get_queue_url(QueueName="later")["QueueUrl"]
            shared.sqs.send_message(QueueUrl=url, MessageBody="for the client's mapping")
            events = shared.project / "events.jsonl"
            wait_until(lambda: "client's" in events.read_text(encoding="utf-8"), "the message")
            stack.close()
