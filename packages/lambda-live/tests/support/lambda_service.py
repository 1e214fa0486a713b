"""A running `python -m lambda_live`, as tests use it."""

import json
import os
import re
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from prometheus_client.parser import text_string_to_metric_families

from support.fork_server import ForkServer
from support.http import HttpResponse, request
from support.program import MARKER, Program, Start, execute
from support.project import HANDLER, PACKAGE
from support.waiting import wait_until

INVOKE = "/2015-03-31/functions/function/invocations"
_ARGUMENTS = ("--port=0", "--admin-port=0", "--no-history", "--editor=vscode", "--timeout=60")
"""The time is enough for a slow machine."""

_PROGRAM = """
import importlib, json, sys
for name, value in json.loads(sys.argv.pop(1)).items():
    module, _, constant = name.rpartition(".")
    setattr(importlib.import_module("lambda_live." + module), constant, value)
importlib.import_module("lambda_live.__main__").main()
"""


class LambdaService(Program):
    """
    Runs a service with `HANDLER` of the project in a directory.

    Its environments write coverage only if `measured`. The service is forked, unless there are no
    `fork_server` or it has variables that Python reads at start.
    """

    fork_server: ClassVar[ForkServer | None] = None

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
        self._client: Any = None
        passed = [f"--env={MARKER}"]
        if measured:
            passed += [f"--env={name}" for name in os.environ if name.startswith("COVERAGE_")]
        named = [handler] if handler else []
        if handler == HANDLER and not any("watch" in each.lower() for each in (*args, *env)):
            named.append("--watch=function")  # other files of a test are not code
        arguments = [*named, *_ARGUMENTS, *passed, *args]
        if self.fork_server is None or not self.fork_server.can_fork(env):
            start: Start = partial(execute, [*program(constants), *arguments])
            environ = environment(measured=measured)
        else:
            start = partial(self.fork_server.start, arguments=arguments, constants=constants)
            environ = self.fork_server.environment(measured=measured)
        super().__init__(start, project, environ | env)
        self.url, self.admin_url = self._greeting()

    def _greeting(self) -> tuple[str, str]:
        try:
            wait_until(lambda: self.lines or self.process.poll() is not None, "the startup line")
            assert self.lines, self.stderr
            url, admin = re.findall(r"http://[^/\s]+:\d+", self.lines[0])[-2:]
        except (AssertionError, ValueError):  # or another text
            self.kill()
            raise
        return url, admin

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.admin("/ready").status == 200, "/ready")

    def admin(self, path: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
        return request(self.admin_url, "GET", path, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        return request(self.url, method, path, body, headers)

    def invoke(
        self, event: object = None, headers: Mapping[str, str] | None = None
    ) -> HttpResponse:
        """Invoke over plain HTTP, like curl."""
        body = b"" if event is None else json.dumps(event).encode()
        return self.request("POST", INVOKE, body, headers)

    def run(self, code: str, **event: object) -> Any:
        """Run code in the handler `RUNS_ITS_EVENT`; return the value it assigned to `reply`."""
        response = self.invoke({"code": code, **event})
        assert response.status == 200, response
        return response.json()

    @property
    def boto3(self) -> Any:
        """A boto3 client for the service."""
        if self._client is None:
            self._client = boto3.client(
                "lambda",
                endpoint_url=self.url,
                region_name="us-east-1",
                aws_access_key_id="dummy",
                aws_secret_access_key="dummy",  # noqa: S106  # not checked
                config=Config(retries={"mode": "standard", "max_attempts": 1}, read_timeout=60),
            )
        return self._client

    def result(self, name: str, event: object = None) -> Any:
        """Invoke a function with boto3; return its result. Without an event it gets {}."""
        payload = json.dumps({} if event is None else event)
        return self.json_of(self.boto3.invoke(FunctionName=name, Payload=payload))

    @staticmethod
    def json_of(response: Any) -> Any:
        """Return the payload of a boto3 response."""
        return json.load(response["Payload"])

    def metric(self, sample: str, **labels: str) -> float:
        """Return a metric's value, summed over the labels that are not given."""
        text = self.admin("/metrics").body.decode()
        return sum(
            found.value
            for family in text_string_to_metric_families(text)
            for found in family.samples
            if found.name == sample and labels.items() <= found.labels.items()
        )

    def kill(self) -> None:
        """Kill every process, and close the client's connections."""
        if self._client is not None:
            self._client.close()
        super().kill()


def idle_process_count(functions: int = 1, environments: int = 1) -> int:
    """Return how many processes an idle service has, with a standby and a zygote per function."""
    zygote = sys.platform.startswith("linux")
    return 1 + functions * (environments + 1 + zygote)


def program(constants: Mapping[str, object] | None) -> list[str]:
    """Return the service's command; `constants` overrides constants of its modules."""
    if constants:
        return [sys.executable, "-c", _PROGRAM, json.dumps(constants)]
    return [sys.executable, "-m", "lambda_live"]


def environment(*, measured: bool = True) -> dict[str, str]:
    """Return this process's variables, except those that configure the service."""
    # without bytecode files, each process would compile all its imports
    own = ("AWS_", "LAMBDA_", "_HANDLER", "POWERTOOLS_", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    path = [PACKAGE / "src", PACKAGE / "tests"]
    if not measured:
        path.insert(0, PACKAGE / "tests/support/unmeasured")
    return inherited | {"PYTHONPATH": os.pathsep.join(map(str, path))}
