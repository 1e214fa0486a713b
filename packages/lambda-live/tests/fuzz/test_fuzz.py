"""Random requests, events and results. `make fuzz` sends FUZZ_CASES of them."""

import base64
import json
import os
import random
import re
import socket
import urllib.parse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.lambda_service import INVOKE, LambdaService, idle_process_count
from support.mutation import mutate, request
from support.service_starter import StartService
from support.waiting import wait_until

CASES = int(os.environ.get("FUZZ_CASES", "300"))
_TIMEOUT_SECONDS = 0.2
"""A mutate request may be incomplete: the service waits for more, and sends no response."""

ECHO = """
import json, os

def handler(event, context):
    if event == "runtime api":
        return os.environ["AWS_LAMBDA_RUNTIME_API"]
    if isinstance(event, dict) and event.get("rawPath") == "/reply":
        try:
            return json.loads(event["body"])
        except ValueError:
            return None
    return event
"""
FUNCTION = "/2015-03-31/functions/function"
RUNTIME = "/2018-06-01/runtime"
JSON = "Content-Type: application/json"
FRONT = [
    request("POST", INVOKE, b'{"a": [1, "b", null]}', JSON),
    request("POST", f"{INVOKE}?Qualifier=$LATEST", b"[]", "X-Amz-Log-Type: Tail"),
    request("POST", INVOKE, b"{}", "X-Amz-Invocation-Type: DryRun"),
    request("GET", FUNCTION),
    request("GET", f"{FUNCTION}/configuration"),
    request("GET", f"{FUNCTION}/concurrency"),
    request("GET", "/2015-03-31/functions/?MaxItems=1&Marker=1"),
    request("GET", "/2021-10-31/functions/function/url"),
    request("POST", "/2021-11-15/functions/function/response-streaming-invocations", b"{}"),
    request("POST", "/2014-11-13/functions/function/invoke-async", b"{}"),
    request("POST", "/a/b?c=d&e", b"text", "Content-Type: text/plain", "Cookie: a=b; c=d"),
    request("POST", "/", b'{"statusCode": 201, "headers": {"a": "b"}, "body": "x"}', JSON),
]
ADMIN = [
    *(request("GET", "/ready"), request("GET", "/metrics", b"", "Accept: text/plain")),
    *(request("GET", "/"), request("GET", "/api/nothing"), request("POST", "/api/nothing", b"{}")),
]
RUNTIMES = [
    request("GET", f"{RUNTIME}/invocation/next"),
    request("POST", f"{RUNTIME}/invocation/some-id/response", b"1"),
    request("POST", f"{RUNTIME}/invocation/some-id/error", b'{"errorType": "x"}'),
    request("POST", f"{RUNTIME}/init/error", b"{}"),
]


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(ECHO, "--concurrency=2")


def response_to(address: tuple[str, int], data: bytes) -> bytes:
    """Send bytes, and return the response, or nothing after the timeout."""
    with socket.create_connection(address, timeout=_TIMEOUT_SECONDS) as connection:
        try:
            connection.sendall(data)
            return connection.recv(65_536)
        except (TimeoutError, ConnectionError):
            return b""


def send(service: LambdaService, address: str, requests: Sequence[bytes], seed: int) -> list[bytes]:
    """Send a share of the cases, and return those that got a 500."""
    parts = urllib.parse.urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    generator = random.Random(seed)  # noqa: S311  # the same cases in each run
    failed = []
    for number in range(CASES // 6):
        case = mutate(requests, generator)
        if re.match(rb"HTTP/1.1 500", response_to((parts.hostname, parts.port), case)):
            failed.append(case)
        if number % 500 == 0:
            assert service.invoke(number).json() == number
    return failed


def test_mutated_requests_never_cause_internal_errors(service: LambdaService) -> None:
    process = psutil.Process(service.pid)
    runtime = f"http://{service.invoke('runtime api').json()}"
    wait_until(lambda: len(service.processes()) == idle_process_count())
    before = process.num_fds()
    targets = [(service.url, FRONT), (service.admin_url, ADMIN), (runtime, RUNTIMES)]
    with ThreadPoolExecutor(6) as threads:
        sent = [
            threads.submit(send, service, address, requests, seed)
            for seed in range(2)
            for address, requests in targets
        ]
        failed = [case for each in sent for case in each.result()]

    assert failed == []
    assert service.invoke({"after": "all"}).json() == {"after": "all"}
    log = "\n".join(service.lines)
    assert not re.search("Traceback|internal error", log), log[log.find("Traceback") - 500 :][:3000]
    assert service.stderr == ""
    environments = int(service.metric("lambda_environments"))
    # Four descriptors for each environment that the requests added, and one of this request.
    wait_until(lambda: process.num_fds() <= before + 4 * (environments - 1) + 1)
    assert len(service.processes()) <= idle_process_count(environments=environments)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
events = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20
)
often = settings(
    max_examples=max(1, CASES // 10),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_event_and_result_round_trip_unchanged(service: LambdaService) -> None:
    @often
    @given(events)
    def check(event: object) -> None:
        response = service.request("POST", INVOKE, json.dumps(event).encode())
        assert (response.status, response.json()) == (200, event)

    check()


def test_body_round_trips_unchanged(service: LambdaService) -> None:
    @often
    @given(st.binary(min_size=1, max_size=200), st.sampled_from(["text/plain", "image/png"]))
    def check(body: bytes, kind: str) -> None:
        event = service.request("POST", "/event", body, {"Content-Type": kind}).json()
        if event["isBase64Encoded"]:
            assert base64.b64decode(event["body"]) == body
        else:
            assert event["body"].encode() == body

    check()


def test_any_result_is_valid_response_or_502(service: LambdaService) -> None:
    members = st.fixed_dictionaries(
        {"statusCode": st.integers(100, 700) | scalars},
        optional={
            "headers": st.dictionaries(texts, scalars | events) | scalars,
            "cookies": st.lists(scalars) | scalars,
            "body": scalars | events,
            "isBase64Encoded": scalars,
        },
    )

    @often
    @given(members)
    def check(result: dict[str, object]) -> None:
        event = json.dumps(result).encode()
        response = service.request("POST", "/reply", event, {"Content-Type": "text/plain"})
        assert response.status == 502 or str(response.status) == str(result["statusCode"])

    check()
