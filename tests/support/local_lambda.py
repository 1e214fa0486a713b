"""A real `python -m lambda_local`, as a test starts, asks and ends it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config
from prometheus_client.parser import text_string_to_metric_families

from tests.support.http import Answer, request
from tests.support.project import HANDLER, REPOSITORY
from tests.support.waiting import DEADLINE, wait_until

INVOKE = "/2015-03-31/functions/function/invocations"
_ARGUMENTS = ("--port=0", "--admin-port=0", "--timeout=60")  # the time that a slow machine needs
_PROGRAM = """
import importlib, json, sys
for name, value in json.loads(sys.argv.pop(1)).items():
    module, _, constant = name.rpartition(".")
    setattr(importlib.import_module("lambda_local." + module), constant, value)
importlib.import_module("lambda_local.__main__").main()
"""


class LocalLambda:
    """
    Runs `HANDLER` of the project in a directory.

    The coverage of its environments is counted only if they are to be `measured`.
    """

    def __init__(
        self,
        project: Path,
        *args: str,
        handler: str | None = HANDLER,
        constants: Mapping[str, object] | None = None,
        measured: bool = False,
        **env: str,
    ) -> None:
        self.project = project
        self.expected_stderr = ""
        self.lines: list[str] = []
        self._marker = uuid.uuid4().hex
        self._errors = project / f".stderr-{self._marker}"
        program = ["-c", _PROGRAM, json.dumps(constants)] if constants else ["-m", "lambda_local"]
        passed = ["--env=MARKER_OF_THE_TEST"]
        if measured:
            passed += [f"--env={name}" for name in os.environ if name.startswith("COVERAGE_")]
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    *program,
                    *([handler] if handler else []),
                    *_ARGUMENTS,
                    *passed,
                    *args,
                ],
                cwd=project,
                env=environment(measured=measured) | {"MARKER_OF_THE_TEST": self._marker} | env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
            )
        self.pid = self.process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._client: Any = None
        self.url, self.admin_url = self._greeting()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.decode("utf-8", "replace").removesuffix("\n"))

    def _greeting(self) -> tuple[str, str]:
        try:
            wait_until(lambda: self.lines or self.process.poll() is not None, "the greeting")
            assert self.lines, self.stderr
            url, admin = re.findall(r"http://[^/\s]+:\d+", self.lines[0])[-2:]
        except (AssertionError, ValueError):  # or it says something else
            self.kill()
            raise
        return url, admin

    @property
    def stderr(self) -> str:
        return self._errors.read_text(encoding="utf-8", errors="replace")

    @property
    def log(self) -> str:
        return "".join(line + "\n" for line in self.lines)

    def wait_for_line(self, text: str, count: int = 1) -> str:
        """Return the `count`-th log line that contains the text."""

        def found() -> list[str]:
            lines = [line for line in list(self.lines) if text in line]
            return lines if len(lines) >= count else []

        return wait_until(found, f"{text!r} in the log")[count - 1]

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.admin("/ready").status == 200, "/ready")

    def admin(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return request(self.admin_url, "GET", path, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return request(self.url, method, path, body, headers)

    def invoke(self, event: object = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Invoke over plain HTTP, as curl does."""
        body = b"" if event is None else json.dumps(event).encode()
        return self.request("POST", INVOKE, body, headers)

    def run(self, code: str, **event: object) -> Any:
        """Have `RUNS_ITS_EVENT` run the code; return what it assigned to `reply`."""
        answer = self.invoke({"code": code, **event})
        assert answer.status == 200, answer
        return answer.json()

    @property
    def boto3(self) -> Any:
        """A Lambda client as its users make one."""
        if self._client is None:
            self._client = boto3.client(
                "lambda",
                endpoint_url=self.url,
                region_name="us-east-1",
                aws_access_key_id="dummy",
                aws_secret_access_key="dummy",  # noqa: S106  # nothing checks it
                config=Config(retries={"mode": "standard", "max_attempts": 1}, read_timeout=60),
            )
        return self._client

    @staticmethod
    def json_of(response: Any) -> Any:
        """Return what boto3's `invoke` got for an answer."""
        return json.load(response["Payload"])

    def metric(self, sample: str, **labels: str) -> float:
        """Return a metric's value, or the sum over the labels that are not named."""
        text = self.admin("/metrics").body.decode()
        return sum(
            found.value
            for family in text_string_to_metric_families(text)
            for found in family.samples
            if found.name == sample and labels.items() <= found.labels.items()
        )

    def processes(self) -> list[psutil.Process]:
        """Return every process that this one started, and itself, while it lives."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            marker = process.environ().get("MARKER_OF_THE_TEST")
            return marker == self._marker and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, wait for its end; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end, and its log's."""
        status = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return status

    def close(self) -> None:
        """End it; see that it ended well and that nothing of it is left."""
        try:
            already = self.process.poll()
            status = self.end()
            assert already is not None or status == 0, self.stderr
            assert self.stderr == self.expected_stderr, self.stderr
            assert "lambda_local: Exception in callback" not in self.log, self.log
            wait_until(lambda: not self.processes(), "the end of its processes")
        finally:
            self.kill()

    def kill(self) -> None:
        """End what is left of it."""
        if self._client is not None:
            self._client.close()
        for process in self.processes():
            process.kill()
        self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()


def environment(*, measured: bool = True) -> dict[str, str]:
    """Return this process's variables without any that set something of the service's."""
    # Where bytecode is not kept, each process would compile all that it imports once more.
    own = ("AWS_", "LAMBDA_", "_HANDLER", "POWERTOOLS_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    path = [REPOSITORY] if measured else [REPOSITORY / "tests/support/unmeasured", REPOSITORY]
    return kept | {"PYTHONPATH": os.pathsep.join(map(str, path))}
