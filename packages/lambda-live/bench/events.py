"""
Measure the delivery of queue messages: `python -m bench.events`.

It prints the delay from SendMessage to the handler and the rate of one mapping, beside those of
MiniStack's own event sources; the rate of five receivers of boto3 alone; the processor time of ten
idle mappings, and the start with ten resources.
"""

import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.server import free_port, is_listening
from bench.table import format_table
from lambda_live.resources.emulator import Emulator
from support.aws import Aws
from support.lambda_service import LambdaService
from support.project import write_project
from support.waiting import wait_until

_PROBES = 50
_MESSAGES = 500
_RECEIVERS = 5
_IDLE_SECONDS = 10.0
_APP = """
import os, pathlib, time

FILE = pathlib.Path(os.environ["EVENTS"])

def handler(event, context):
    now = time.time()
    with FILE.open("a") as file:
        file.writelines(f"{record['body']} {now}\\n" for record in event["Records"])
"""
_HEAD = """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.12
    CodeUri: code/
    Handler: app.handler
    Environment: {Variables: {EVENTS: ../events.txt}}
Resources:
  Bare: {Type: AWS::SQS::Queue}
"""
_QUEUES = "".join(f"  Queue{number}: {{Type: AWS::SQS::Queue}}\n" for number in range(10))
_FUNCTION = "  Work:\n    Type: AWS::Serverless::Function\n    Properties:\n      Events:\n"
_EVENTS = "".join(
    f"        Q{number}: {{Type: SQS, Properties: {{Queue: !GetAtt Queue{number}.Arn}}}}\n"
    for number in range(10)
)


class _OwnPoller(Aws):
    """MiniStack with a function and event sources of its own."""

    url = ""

    def __init__(self, project: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(None)  # type: ignore[arg-type]  # no service
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", _APP)
        self.lambda_.create_function(
            FunctionName="Work",
            Runtime="python3.12",
            Role="arn:aws:iam::123456789012:role/lambda",
            Handler="app.handler",
            Code={"ZipFile": code.getvalue()},
            Environment={"Variables": {"EVENTS": str(project / "events.txt")}},
        )
        for number in range(2):
            self.sqs.create_queue(QueueName=f"Queue{number}")
            arn = f"arn:aws:sqs:us-east-1:000000000000:Queue{number}"
            self.lambda_.create_event_source_mapping(EventSourceArn=arn, FunctionName="Work")


@contextmanager
def _ministack() -> Iterator[tuple[Path, Aws]]:
    with tempfile.TemporaryDirectory(prefix="lambda-bench-") as directory:
        port = free_port()
        environ = os.environ | {
            "BIND_HOST": "127.0.0.1",
            "DOCKER_HOST": f"unix://{directory}/no-docker",
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": "ERROR",
            "PYTHONPATH": str(Emulator.install(lambda _: None)),
        }
        command = [sys.executable, "-m", "ministack.app"]
        with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: is_listening(port), "MiniStack")
                yield Path(directory), _OwnPoller(Path(directory), port)
            finally:
                process.terminate()


def _received(project: Path) -> list[tuple[str, float]]:
    file = project / "events.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [(body, float(when)) for body, when in map(str.split, lines)]


def _delays_ms(project: Path, aws: Aws) -> list[float]:
    delays = []
    for number in range(_PROBES):
        body = f"probe-{number}"
        sent_at = time.time()
        aws.send("Queue0", body)

        def arrival(body: str = body) -> list[float]:
            return [when for each, when in _received(project) if each == body]

        delays.append((wait_until(arrival, body)[0] - sent_at) * 1000)
    return delays


def _fill(aws: Aws, queue: str) -> None:
    url = aws.queue(queue)
    for start in range(0, _MESSAGES, 10):
        entries = [{"Id": str(each), "MessageBody": f"rate-{start + each}"} for each in range(10)]
        aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)


def _mapping_rate(project: Path, aws: Aws) -> float:
    start = time.perf_counter()
    _fill(aws, "Queue1")
    wait_until(
        lambda: sum(body.startswith("rate-") for body, _ in _received(project)) >= _MESSAGES,
        "the messages",
    )
    return _MESSAGES / (time.perf_counter() - start)


def _boto3_rate(aws: Aws) -> float:
    url, received = aws.queue("Bare"), [0]

    def receive(_: int) -> None:
        while received[0] < _MESSAGES:
            found: list[Any] = aws.sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1
            ).get("Messages", [])
            entries = [
                {"Id": str(number), "ReceiptHandle": each["ReceiptHandle"]}
                for number, each in enumerate(found)
            ]
            if entries:
                aws.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
            received[0] += len(found)

    start = time.perf_counter()
    with ThreadPoolExecutor(_RECEIVERS) as threads:
        results = threads.map(receive, range(_RECEIVERS))
        _fill(aws, "Bare")
        list(results)
    return _MESSAGES / (time.perf_counter() - start)


def _idle_percent(service: LambdaService) -> float:
    emulator = next(
        each
        for each in psutil.Process(service.pid).children()
        if "emulator_process" in " ".join(each.cmdline())
    )
    processes = (emulator, psutil.Process(service.pid))

    def used() -> float:
        return sum(sum(each.cpu_times()[:2]) for each in processes)

    time.sleep(2)
    before = used()
    time.sleep(_IDLE_SECONDS)
    return (used() - before) / _IDLE_SECONDS * 100


def main() -> int:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="lambda-bench-") as directory:
        project = Path(directory)
        template = _HEAD + _QUEUES + _FUNCTION + _EVENTS
        write_project(project, {"template.yaml": template, "code/app.py": _APP})
        start = time.perf_counter()
        with closing(LambdaService(project, handler=None)) as service:
            service.wait_until_ready()
            started = time.perf_counter() - start
            aws = Aws(service)
            aws.send("Queue0", "first")
            wait_until(lambda: _received(project), "the first message")
            delay = statistics.median(_delays_ms(project, aws))
            idle = _idle_percent(service)
            rows = [
                ("start with 11 queues and a function", f"{started:.1f} s"),
                ("SendMessage to handler, median", f"{delay:.0f} ms"),
                ("idle: 10 mappings, service and emulator", f"{idle:.1f} % of a core"),
                ("500 messages: one mapping", f"{_mapping_rate(project, aws):.0f}/s"),
                ("500 messages: 5 receivers of boto3", f"{_boto3_rate(aws):.0f}/s"),
            ]
    with _ministack() as (own, aws):
        aws.send("Queue0", "first")
        wait_until(lambda: _received(own), "the first message")
        delay = statistics.median(_delays_ms(own, aws))
        rows += [
            ("MiniStack's own: SendMessage to handler, median", f"{delay:.0f} ms"),
            ("MiniStack's own: 500 messages, one mapping", f"{_mapping_rate(own, aws):.0f}/s"),
        ]
    load = json.dumps([round(each, 1) for each in os.getloadavg()])
    print(format_table(("figure", "value"), rows))
    print(f"load average {load}, {os.cpu_count()} CPUs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
