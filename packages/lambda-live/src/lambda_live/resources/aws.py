"""Clients of the emulator for asyncio: boto3 in threads, so that one slow call delays no other."""

import asyncio
import json
import re
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from lambda_live.model.function import Account

AwsError = (BotoCoreError, ClientError, ResponseParserError)
"""What a call may raise."""

_MISSING = re.compile(r"NonExistent|NotFound|NoSuch")


def explain(error: Exception) -> str:
    """Return AWS's reason why a call failed, and what to do if a resource is missing."""
    if not isinstance(error, ClientError):
        return str(error)
    details = error.response["Error"]
    text = str(details.get("Message") or details["Code"]).rstrip(".")
    return f"{text}; add it to the template" if _MISSING.search(details["Code"]) else text


_MAX_CALLS = 128
_LONG_POLL_SECONDS = 20


class AwsClients:
    """Calls the operations of AWS's services at one endpoint."""

    def __init__(self, url: str, account: Account) -> None:
        self.account = account
        self.url = url
        self._session = boto3.Session(
            aws_access_key_id="placeholder",
            aws_secret_access_key="placeholder",  # noqa: S106  # emulators check none
            region_name=account.region,
        )
        self._config = Config(
            max_pool_connections=_MAX_CALLS,
            read_timeout=_LONG_POLL_SECONDS + 20,
            retries={"mode": "standard", "max_attempts": 3},
            s3={"addressing_style": "path"},
        )
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(_MAX_CALLS, "aws")

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service. Raises ValueError without an emulator."""
        if not self.url:  # boto3 would call AWS itself
            message = f"no emulator with {service} is running"
            raise ValueError(message)
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(
                    service, endpoint_url=self.url, config=self._config
                )
            return self._clients[service]

    def call_now(self, service: str, operation: str, **arguments: Any) -> Any:
        """Call an operation, and block. Raises BotoCoreError, ClientError."""
        return getattr(self.client(service), operation)(**arguments)

    async def call(self, service: str, operation: str, **arguments: Any) -> Any:
        """Call an operation in a thread. Raises BotoCoreError, ClientError."""
        return await self.run(partial(self.call_now, service, operation, **arguments))

    async def run(self, function: Any) -> Any:
        """Call a function in a thread of these clients."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    async def queue_url(self, arn: str) -> str:
        """Return the URL of a queue."""
        return str(await self.run(partial(self.queue_url_now, arn.rpartition(":")[2])))

    def queue_url_now(self, name: str) -> str:
        """Return the URL of a queue; blocks."""
        return str(self.call_now("sqs", "get_queue_url", QueueName=name)["QueueUrl"])

    def send_message(self, queue: str, text: str, group: str = "default", **arguments: Any) -> str:
        """Send a message to a queue, and return its id; blocks. `group` is for FIFO queues."""
        if queue.endswith(".fifo"):
            arguments["MessageGroupId"] = group
            arguments["MessageDeduplicationId"] = uuid.uuid4().hex
        url = self.queue_url_now(queue)
        sent = self.call_now("sqs", "send_message", QueueUrl=url, MessageBody=text, **arguments)
        return str(sent["MessageId"])

    async def send(self, arn: str, text: str, attributes: dict[str, str] | None = None) -> None:
        """
        Send a text to a queue, a topic, an event bus or a bucket.

        Raises:
            BotoCoreError, ClientError: The target is missing.
            ValueError: The ARN belongs to another service.
        """
        values = {
            name: {"DataType": "String", "StringValue": value}
            for name, value in (attributes or {}).items()
        }
        service, name = arn.split(":")[2], arn.rpartition(":")[2]
        match service:
            case "sqs":
                send = partial(self.send_message, name, text, "lambda", MessageAttributes=values)
                await self.run(send)
            case "sns":
                await self.call(
                    "sns", "publish", TopicArn=arn, Message=text, MessageAttributes=values
                )
            case "events":
                context = json.loads(text).get("requestContext") or {}
                outcome = "Success" if context.get("condition") == "Success" else "Failure"
                entry = {
                    "EventBusName": name.removeprefix("event-bus/"),
                    "Source": "lambda",
                    "DetailType": f"Lambda Function Invocation Result - {outcome}",
                    "Resources": [arn, *filter(None, [context.get("functionArn")])],
                    "Detail": text,
                }
                await self.call("events", "put_events", Entries=[entry])
            case "s3":
                now = time.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S", time.gmtime())
                key = f"aws/lambda/{now}-{uuid.uuid4()}"
                await self.call("s3", "put_object", Bucket=name, Key=key, Body=text.encode())
            case _:
                message = f"cannot send to {arn}"
                raise ValueError(message)

    def close(self) -> None:
        """Forget calls that have not started."""
        self._threads.shutdown(wait=False, cancel_futures=True)
