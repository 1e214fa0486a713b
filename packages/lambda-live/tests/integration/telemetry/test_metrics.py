import math

import pytest

from support.lambda_service import LambdaService
from support.project import RUNS_ITS_EVENT
from support.service_starter import StartService
from support.waiting import wait_until

PLATFORM_ERRORS = [
    "Function.ResponseSizeTooLarge",
    "Runtime.ExitError",
    "Runtime.ImportModuleError",
    "Runtime.OutOfMemory",
    "Runtime.UserCodeSyntaxError",
    "Sandbox.Timedout",
]


def test_all_series_exist_at_startup(start_service: StartService) -> None:
    service = start_service(RUNS_ITS_EVENT, "--memory=256", "--timeout=5")
    lines = service.admin("/metrics").body.decode().splitlines()

    for name in ("invocations", "throttles", "async_dropped"):
        assert f"lambda_{name}_total 0.0" in lines
    for result in ("succeeded", "failed"):
        assert f'lambda_reloads_total{{result="{result}"}} 0.0' in lines
    for error_type in PLATFORM_ERRORS:
        assert f'lambda_errors_total{{error_type="{error_type}"}} 0.0' in lines
    for bound in ("0.001", "0.0025", "0.5", "1.0", "60.0", "+Inf"):
        assert f'lambda_duration_seconds_bucket{{le="{bound}"}} 0.0' in lines
    code = service.admin("/ready").json()["code_sha256"]
    assert f'lambda_code_info{{code_sha256="{code}"}} 1.0' in lines
    for line in (
        "lambda_concurrent_executions 0.0",
        "lambda_queue_length 0.0",
        "lambda_environments 1.0",
        "lambda_init_duration_seconds_count 1.0",
        "lambda_memory_size_bytes 2.68435456e+08",
        "lambda_timeout_seconds 5.0",
    ):
        assert line in lines
    for name in ("process_resident_memory_bytes", "python_info"):
        assert any(line.startswith(name) for line in lines)


def test_invocations_and_errors_are_counted_like_cloudwatch(
    service: LambdaService,
) -> None:
    def counts() -> list[float]:
        of_type = ("ValueError", "KeyError", "NameError")
        return [
            *(service.metric(f"lambda_{what}_total") for what in ("invocations", "errors")),
            *(service.metric("lambda_errors_total", error_type=each) for each in of_type),
            service.metric("lambda_duration_seconds_count"),
        ]

    before = counts()
    for code in ("reply = 1", "raise ValueError", "raise ValueError", "raise KeyError", "x"):
        service.invoke({"code": code})
    service.request("GET", "/")

    counted = [after - earlier for earlier, after in zip(before, counts(), strict=True)]
    assert counted == [6, 5, 2, 2, 1, 6]


def test_duration_is_measured_for_handler(service: LambdaService) -> None:
    before = service.metric("lambda_duration_seconds_sum")
    slow = service.metric("lambda_duration_seconds_bucket", le="0.25")

    service.run("import time; time.sleep(0.3)")

    assert service.metric("lambda_duration_seconds_sum") - before >= 0.3
    assert service.metric("lambda_duration_seconds_bucket", le="0.25") == slow


def test_reload_removes_series_of_old_code(start_service: StartService) -> None:
    service = start_service("def handler(event, context): return 1")
    (service.project / "function/app.py").write_text(RUNS_ITS_EVENT, encoding="utf-8")
    code = service.invoke({"code": ""}).headers["x-lambda-live-code-sha256"]

    assert service.metric("lambda_code_info") == 1
    assert service.metric("lambda_code_info", code_sha256=code) == 1


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ({}, "text/plain; version="),
        ({"Accept": "application/openmetrics-text; version=1.0.0"}, "application/openmetrics-text"),
    ],
)
def test_accept_header_selects_format(
    service: LambdaService, accept: dict[str, str], content_type: str
) -> None:
    response = service.admin("/metrics", accept)

    assert response.status == 200
    assert response.headers["content-type"].startswith(content_type)


def test_duration_has_exemplar_with_request_id(service: LambdaService) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}

    def exemplars() -> list[str]:
        request_id = service.invoke({"code": ""}).headers["x-amzn-requestid"]
        exported = service.admin("/metrics", accept).body.decode().splitlines()
        return [line for line in exported if f'# {{request_id="{request_id}"}}' in line]

    # there is one exemplar a second, and one for each slower invocation
    found = wait_until(exemplars, "an exemplar")

    assert [line.split("{")[0] for line in found] == ["lambda_duration_seconds_bucket"]


def test_admin_port_rejects_other_paths(service: LambdaService) -> None:
    assert service.admin("/nothing").status == 404
    assert service.request("GET", "/metrics").status == 502  # the function's port


def test_service_is_not_ready_before_first_init(start_service: StartService) -> None:
    source = """
import time
from pathlib import Path

while not Path("go").exists():
    time.sleep(0.005)

def handler(event, context): ...
"""
    service = start_service(source, ready=False)
    wait_until(lambda: service.metric("lambda_environments") == 1)

    before = service.admin("/ready")
    (service.project / "go").touch()
    service.wait_until_ready()

    assert (before.status, before.json()["ready"]) == (503, False)
    assert before.json()["code_sha256"] == service.admin("/ready").json()["code_sha256"]
    assert math.isclose(service.metric("lambda_init_duration_seconds_count"), 1)


def test_error_types_beyond_a_limit_are_counted_together(start_service: StartService) -> None:
    source = """
def handler(event, context):
    raise type(event["name"], (Exception,), {})("failed")
"""
    service = start_service(source, constants={"telemetry.metrics._MAX_ERROR_TYPES": 8})

    for number in range(10):
        service.invoke({"name": f"Error{number}"})

    assert service.metric("lambda_errors_total", error_type="Error0") == 1
    assert service.metric("lambda_errors_total", error_type="other") == 8
    assert service.metric("lambda_errors_total") == 10
