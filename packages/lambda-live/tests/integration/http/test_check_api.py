"""The code and the state of functions, for scripts."""

from typing import Any

from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

STATE = "/2015-03-31/functions/.lambda-live"


def state(service: LambdaService, query: str = "") -> dict[str, Any]:
    (function,) = service.request("GET", f"{STATE}?{query}").json()["functions"]
    return dict(function)


def test_code_status_has_code_and_folders(service: LambdaService) -> None:
    status = state(service)

    assert status["name"] == "function"
    assert status["folders"] == [{"path": "function", "name": "function"}]
    assert status["code_sha256"] == service.admin("/ready").json()["code_sha256"]
    assert (status["state"], status["error"]) == ("Active", None)


def test_code_status_supports_get_only(service: LambdaService) -> None:
    assert service.request("POST", STATE, b"{}").status == 404


def test_code_status_waits_for_load_and_has_error_location(
    start_service: StartService,
) -> None:
    service = start_service("import time\ntime.sleep(0.3)\nraise ValueError('why')", ready=False)
    code = wait_until(lambda: service.admin("/ready").json()["code_sha256"], "the first hash")

    status = state(service, f"function={code}")

    assert status["state"] == "Failed"
    assert status["error"] == {
        "type": "ValueError",
        "message": "ValueError: why",
        "file": "function/app.py",
        "line": 3,
    }

    (service.project / "function/app.py").write_text("def other(event, context): ...")
    assert service.invoke().json()["errorType"] == "Runtime.HandlerNotFound"
    error = state(service)["error"]
    assert error["type"] == "Runtime.HandlerNotFound"
    assert (error["file"], error["line"]) == ("function/app.py", 1)


def test_code_status_without_concurrency_does_not_wait(start_service: StartService) -> None:
    service = start_service("def handler(event, context): ...", "--concurrency", "0")
    code = service.admin("/ready").json()["code_sha256"]

    assert state(service, f"function={code}")["state"] == "Active"


def test_code_status_in_a_cluster_has_namespace_and_context(
    service: LambdaService, start_service: StartService
) -> None:
    in_cluster = start_service(
        "def handler(event, context): ...", "--pods=lambda@k3d-dev", ready=False
    )

    pods = {"namespace": "lambda", "context": "k3d-dev"}
    assert in_cluster.request("GET", STATE).json()["pods"] == pods
    assert "pods" not in service.request("GET", STATE).json()
