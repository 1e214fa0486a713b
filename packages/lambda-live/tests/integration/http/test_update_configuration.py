import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from botocore.exceptions import ClientError

from support.http import request
from support.lambda_service import LambdaService
from support.project import RUNS_ITS_EVENT
from support.service_starter import StartService
from support.waiting import wait_until

NAME = "function"
CONFIGURATION = f"/2015-03-31/functions/{NAME}/configuration"
NULL = b'{"Environment": {"Variables": {"A": null}}}'
SETTINGS = """
import os
reply = [
    round(context.get_remaining_time_in_millis() / 1000),
    context.memory_limit_in_mb,
    os.environ.get("TABLE"),
]
"""


@pytest.fixture(scope="module")
def shared_service(start_module_service: StartService) -> LambdaService:
    """A service for requests that change nothing."""
    return start_module_service(RUNS_ITS_EVENT)


@pytest.fixture
def service(shared_service: LambdaService) -> Iterator[LambdaService]:
    """The same service. Its configuration is restored afterwards."""
    client = shared_service.boto3
    before = client.get_function_configuration(FunctionName=NAME)
    yield shared_service
    client.update_function_configuration(
        FunctionName=NAME,
        Timeout=before["Timeout"],
        MemorySize=before["MemorySize"],
        Environment={"Variables": {}},
    )
    assert shared_service.run(SETTINGS) == [60, "128", None]


def error_of(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call()
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def test_update_applies_to_next_invocation(service: LambdaService) -> None:
    variables = {"Variables": {"TABLE": "orders"}}
    updated = service.boto3.update_function_configuration(
        FunctionName=NAME, Timeout=10, MemorySize=512, Environment=variables
    )

    assert (updated["Timeout"], updated["MemorySize"]) == (10, 512)
    assert updated["Environment"] == variables
    assert service.run(SETTINGS) == [10, "512", "orders"]
    service.boto3.get_waiter("function_updated_v2").wait(FunctionName=NAME)
    assert service.metric("lambda_timeout_seconds") == 10
    before = service.boto3.get_function_configuration(FunctionName=NAME)["RevisionId"]
    service.boto3.update_function_configuration(FunctionName=NAME, RevisionId=before, Timeout=1)
    timed_out = service.run("import time; time.sleep(60)")
    assert timed_out["errorMessage"].endswith("Task timed out after 1.00 seconds")
    service.wait_for_line("Task timed out after 1.00 seconds")
    assert service.run(SETTINGS) == [1, "512", "orders"]


def test_update_does_not_affect_running_invocation(service: LambdaService, tmp_path: Path) -> None:
    code = f"""
import pathlib, time
pathlib.Path({str(tmp_path / "began")!r}).touch()
while not pathlib.Path({str(tmp_path / "go")!r}).exists():
    time.sleep(0.01)
reply = context.memory_limit_in_mb
"""
    service.boto3.invoke(
        FunctionName=NAME,
        InvocationType="Event",
        Payload=json.dumps({"code": f"{code}\nprint('ended with', reply)"}),
    )
    wait_until((tmp_path / "began").exists)

    service.boto3.update_function_configuration(FunctionName=NAME, MemorySize=512)
    response = service.run("reply = context.memory_limit_in_mb")
    (tmp_path / "go").touch()

    assert response == "512"
    service.wait_for_line("ended with 128")


def test_reserved_concurrency_put_get_and_delete(service: LambdaService) -> None:
    client = service.boto3

    put = client.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    throttled = error_of(lambda: client.invoke(FunctionName=NAME))
    got = client.get_function_concurrency(FunctionName=NAME)
    client.delete_function_concurrency(FunctionName=NAME)

    assert put["ReservedConcurrentExecutions"] == got["ReservedConcurrentExecutions"] == 0
    assert throttled == ("TooManyRequestsException", "Rate Exceeded.")
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=NAME)
    assert service.run("reply = 1") == 1


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (
            lambda client: client.update_function_code(FunctionName=NAME, ZipFile=b"zip"),
            "InvalidParameterValueException",
            "UpdateFunctionCode is not supported: edit the files in /",
        ),
        (
            lambda client: client.update_function_configuration(FunctionName=NAME, Timeout=901),
            "ValidationException",
            (
                "Value '901' at 'timeout' failed to satisfy constraint:"
                " Member must have value less than or equal to 900"
            ),
        ),
        (
            lambda client: client.update_function_configuration(
                FunctionName=NAME, Environment={"Variables": {"AWS_REGION": "eu-west-1"}}
            ),
            "InvalidParameterValueException",
            "Reserved keys used in this request: AWS_REGION",
        ),
        (
            lambda client: client.update_function_configuration(FunctionName=NAME, Handler="x.y"),
            "InvalidParameterValueException",
            (
                "Handler cannot be updated: only Timeout, MemorySize and Environment can."
                " Change the template instead."
            ),
        ),
        (
            lambda client: client.update_function_configuration(
                FunctionName=NAME, Timeout=5, RevisionId="other"
            ),
            "PreconditionFailedException",
            "Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        ),
        (
            lambda client: client.put_function_concurrency(
                FunctionName=NAME, ReservedConcurrentExecutions=901
            ),
            "InvalidParameterValueException",
            "UnreservedConcurrentExecution below its minimum value of [100].",
        ),
        (
            lambda client: client.put_function_concurrency(
                FunctionName=f"{NAME}:$LATEST", ReservedConcurrentExecutions=1
            ),
            "InvalidParameterValueException",
            "Please specify either a function name or an unqualified function ARN.",
        ),
    ],
)
def test_invalid_update_is_rejected_with_reason(
    shared_service: LambdaService, call: Callable[[Any], Any], code: str, message: str
) -> None:
    error = error_of(lambda: call(shared_service.boto3))

    assert error[0] == code
    assert message in error[1]


@pytest.mark.parametrize(
    "body", [b"nope", b"[]", b'{"Timeout": "10"}', b'{"Environment": 1}', NULL]
)
def test_update_invalid_body_is_rejected(shared_service: LambdaService, body: bytes) -> None:
    response = shared_service.request("PUT", CONFIGURATION, body)

    assert (response.status, response.headers["x-amzn-errortype"]) == (
        400,
        "SerializationException",
    )


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"1A": "x"}, "ValidationException"),
        ({"A": "x"}, "ValidationException"),
        ({"A=B": "x"}, "ValidationException"),
        ({"_LAMBDA_LIVE_PRELOAD": "x"}, "ValidationException"),
        ({"TABLE": "a\0b"}, "ValidationException"),
        ({"TABLE": "\ud800"}, "ValidationException"),
    ],
)
def test_update_variables_that_aws_rejects_are_rejected(
    shared_service: LambdaService, variables: dict[str, str], code: str
) -> None:
    body = json.dumps({"Environment": {"Variables": variables}}).encode()

    response = shared_service.request("PUT", CONFIGURATION, body)

    assert (response.status, response.headers["x-amzn-errortype"]) == (400, code)


def addresses() -> list[str]:
    found = (each for each in psutil.net_if_addrs().values())
    return [
        address.address
        for each in found
        for address in each
        if address.family is socket.AF_INET and not address.address.startswith("127.")
    ]


@pytest.mark.skipif(not addresses(), reason="needs an address that is not loopback")
def test_update_over_the_network_cannot_choose_what_is_executed(
    start_service: StartService,
) -> None:
    service = start_service(RUNS_ITS_EVENT, "--host=0.0.0.0")
    port = urlsplit(service.url).port

    def put(**variables: str) -> int:
        body = json.dumps({"Environment": {"Variables": variables}}).encode()
        return request(f"http://{addresses()[0]}:{port}", "PUT", CONFIGURATION, body).status

    refused = ("AWS_LAMBDA_EXEC_WRAPPER", "LD_PRELOAD", "BASH_ENV", "PYTHONPATH", "PATH")
    assert [put(**{name: "/nowhere"}) for name in refused] == [403] * len(refused)
    assert put(TABLE="orders") == 200
    assert service.run("import os; reply = os.environ['TABLE']") == "orders"


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="needs another user")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", CONFIGURATION),
        ("PUT", f"/2017-10-31/functions/{NAME}/concurrency"),
        ("DELETE", f"/2017-10-31/functions/{NAME}/concurrency"),
        ("PUT", f"/2019-09-25/functions/{NAME}/event-invoke-config"),
        ("POST", f"/2019-09-25/functions/{NAME}/event-invoke-config"),
        ("DELETE", f"/2019-09-25/functions/{NAME}/event-invoke-config"),
        ("POST", "/2015-03-31/event-source-mappings"),
        ("PUT", "/2015-03-31/event-source-mappings/1"),
        ("DELETE", "/2015-03-31/event-source-mappings/1"),
        ("PUT", "/api/replay"),
        ("POST", "/api/checks"),
        ("POST", "/api/rows/1/save-as-check"),
        ("POST", "/api/rows/1/accept"),
        ("DELETE", "/api/pins/1"),
    ],
)
def test_change_by_another_user_of_the_machine_is_rejected(
    shared_service: LambdaService, method: str, path: str
) -> None:
    url = shared_service.admin_url if path.startswith("/api/") else shared_service.url

    status, body = send_as_nobody(url + path, method)

    assert (status, "Only the user who runs lambda-live" in body) == (403, True)


HALF_CLOSE = """
import os, socket, sys

os.setuid(int(sys.argv[2]))
connection = socket.socket()
connection.connect(("127.0.0.1", int(sys.argv[1])))
connection.sendall(sys.stdin.buffer.read())
connection.shutdown(socket.SHUT_WR)
print(connection.makefile("rb").readline().decode())
"""


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="needs another user")
@pytest.mark.parametrize(("user", "status"), [(65534, "403"), (0, "200")])
def test_user_of_a_connection_that_is_half_closed_is_known(
    shared_service: LambdaService, user: int, status: str
) -> None:
    body = '{"Timeout": 60}'
    head = f"PUT {CONFIGURATION} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    port = urlsplit(shared_service.url).port

    done = subprocess.run(
        [sys.executable, "-c", HALF_CLOSE, str(port), str(user)],
        input=head + body,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split()[1] == status


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="needs another user")
def test_other_user_of_the_machine_may_invoke(shared_service: LambdaService) -> None:
    url = f"{shared_service.url}/2015-03-31/functions/{NAME}/invocations"

    assert send_as_nobody(url, "POST") == (200, "null")


def send_as_nobody(url: str, method: str) -> tuple[int, str]:
    """Send an event that sets nothing, as another user; return the status and the body."""
    command = ["curl", "-sS", "-X", method, "-d", '{"code": ""}', "-w", "\n%{http_code}", url]
    command += ["-H", "Content-Type: application/json"]
    result = subprocess.run(
        command, user=65534, group=65534, check=True, capture_output=True, text=True
    )
    body, _, status = result.stdout.rpartition("\n")
    return int(status), body


def test_variables_beyond_4_kb_are_rejected(shared_service: LambdaService) -> None:
    with pytest.raises(ClientError, match="exceeded the 4KB limit"):
        shared_service.boto3.update_function_configuration(
            FunctionName=NAME, Environment={"Variables": {"LARGE": "x" * 4096}}
        )
