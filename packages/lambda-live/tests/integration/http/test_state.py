"""What a script asks the service about its functions."""

from typing import Any

from support.local_lambda import LocalLambda
from support.starting import StartLambda

STATE = "/2015-03-31/functions/.lambda-live"


def state(service: LocalLambda, query: str = "") -> dict[str, Any]:
    (function,) = service.request("GET", f"{STATE}?{query}").json()["functions"]
    return dict(function)


def test_it_says_which_code_of_which_folder_a_function_runs(service: LocalLambda) -> None:
    said = state(service)

    assert said["name"] == "function"
    assert said["folders"] == [{"path": "function", "name": "function"}]
    assert said["code_sha256"] == service.admin("/ready").json()["code_sha256"]
    assert (said["state"], said["error"]) == ("Active", None)


def test_it_is_read_by_get_alone(service: LocalLambda) -> None:
    assert service.request("POST", STATE, b"{}").status == 404


def test_it_waits_until_the_code_is_loaded_and_says_where_it_fails(
    start_lambda: StartLambda,
) -> None:
    service = start_lambda("import time\ntime.sleep(0.3)\nraise ValueError('why')", ready=False)
    code = service.admin("/ready").json()["code_sha256"]

    said = state(service, f"function={code}")

    assert said["state"] == "Failed"
    assert said["error"] == {
        "type": "ValueError",
        "message": "ValueError: why",
        "file": "function/app.py",
        "line": 3,
    }

    (service.project / "function/app.py").write_text("def other(event, context): ...")
    assert service.invoke().json()["errorType"] == "Runtime.HandlerNotFound"
    error = state(service)["error"]
    assert (error["type"], error["file"], error["line"]) == ("Runtime.HandlerNotFound", None, None)


def test_a_function_that_may_not_run_is_not_waited_for(start_lambda: StartLambda) -> None:
    service = start_lambda("def handler(event, context): ...", "--concurrency", "0")
    code = service.admin("/ready").json()["code_sha256"]

    assert state(service, f"function={code}")["state"] == "Active"


def test_one_of_several_pods_says_where_the_others_are(
    service: LocalLambda, start_lambda: StartLambda
) -> None:
    several = start_lambda("def handler(event, context): ...", "--pods=lambda@k3d-dev", ready=False)

    pods = {"namespace": "lambda", "context": "k3d-dev"}
    assert several.request("GET", STATE).json()["pods"] == pods
    assert "pods" not in service.request("GET", STATE).json()
