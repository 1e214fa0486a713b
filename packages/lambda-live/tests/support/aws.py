"""Clients of the local emulator, and a function that records its events."""

import json
import re
from typing import Any

import boto3

from support.lambda_service import LambdaService
from support.waiting import wait_until

RECORDER = """
import json, os, pathlib

FILE = pathlib.Path(os.environ["EVENTS"])

def handler(event, context):
    with FILE.open("a") as file:
        file.write(json.dumps([context.function_name, event]) + "\\n")
    for record in event.get("Records", []) if isinstance(event, dict) else []:
        body = record.get("body") or ""
        if body.startswith("raise"):
            raise ValueError(body)
        if body.startswith("exit"):
            os._exit(1)
        while body.startswith("hang"):
            pass
        if body.startswith("return "):
            return json.loads(body[7:].replace("ID", record["messageId"]))
    return {}
"""
RECORDERS = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.12
    CodeUri: code/
    Handler: app.handler
    Environment: {Variables: {EVENTS: ../events.jsonl}}
Resources:"""
"""Start of a template whose functions run `RECORDER`, in `code/app.py`."""


class Aws:
    """The emulator of a service."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self._clients: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """The emulator's URL, from the startup output."""
        wait_until(lambda: any("MiniStack" in each for each in self._service.lines), "the emulator")
        line = next(each for each in self._service.lines if "MiniStack" in each)
        found = re.search(r"http://[\d.:]+", line)
        assert found is not None
        return found[0]

    def __getattr__(self, name: str) -> Any:
        if name not in self._clients:
            self._clients[name] = boto3.client(
                name.rstrip("_"),
                endpoint_url=self.url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106  # no secret
            )
        return self._clients[name]

    @property
    def bus(self) -> Any:
        """A client of EventBridge."""
        return self.__getattr__("events_")

    def queue(self, name: str) -> str:
        """Return a queue's URL."""
        return str(self.sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def send(self, queue: str, body: str, **options: Any) -> str:
        """Send a message; return its id."""
        url = self.queue(queue)
        sent = self.sqs.send_message(QueueUrl=url, MessageBody=body, **options)
        return str(sent["MessageId"])

    def receive(self, queue: str) -> list[dict[str, Any]]:
        """Wait for messages; return them."""
        url, found = self.queue(queue), []

        def is_there() -> bool:
            received = self.sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], WaitTimeSeconds=1
            )
            found.extend(received.get("Messages", []))
            return bool(found)

        wait_until(is_there, f"a message in {queue}")
        return found

    def is_empty(self, queue: str) -> bool:
        """Whether a queue has no message, neither visible nor in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(
            QueueUrl=self.queue(queue), AttributeNames=names
        )["Attributes"]
        return all(attributes[name] == "0" for name in names)

    def events(self, function: str) -> list[Any]:
        """Return the events that a function got."""
        file = self._service.project / "events.jsonl"
        if not file.exists():
            return []
        *lines, _ = file.read_text(encoding="utf-8").split("\n")  # the last one may be incomplete
        return [event for name, event in map(json.loads, lines) if name == function]
