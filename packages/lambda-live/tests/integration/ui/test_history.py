"""What the page's history keeps, over many requests, saves, restarts and removed functions."""

import io
import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.http import HttpResponse, request
from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until

JSON = {"Content-Type": "application/json"}
CHECK = {"X-Lambda-Live-Source": "check"}
ANSWERS = """
def handler(event, context):
    if "raise" in event:
        raise ValueError(event["raise"])
    return event.get("reply")
"""
TWO_FUNCTIONS = """
Resources:
  One:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler, CodeUri: function, FunctionName: one}
"""
SECOND_FUNCTION = """
  Two:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: function
      FunctionName: two
      MemorySize: 256
      Events:
        Order: {Type: HttpApi, Properties: {Path: "/orders/{id}", Method: put}}
        Queue: {Type: SQS, Properties: {Queue: "arn:aws:sqs:us-east-1:123456789012:q"}}
"""


def call_api(service: LambdaService, method: str, path: str) -> HttpResponse:
    content = None if method == "GET" else b"{}"
    return request(service.admin_url, method, f"/api/{path}", content, JSON)


def rows(service: LambdaService, kind: str = "invocation") -> list[dict[str, Any]]:
    """Return the rows of a kind, newest first."""
    return [row for row in call_api(service, "GET", "rows").json() if row["kind"] == kind]


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(
        {"function/__init__.py": "", "function/app.py": ANSWERS},
        constants={"ui.history.MAX_AUTOMATIC_INVOCATIONS": 5, "ui.history.MAX_NOTES": 3},
    )


def test_check_runs_never_remove_requests_of_clients(service: LambdaService) -> None:
    service.invoke({"reply": "mine"}, {"X-Lambda-Live-Event": "mine"})
    for _ in range(12):
        service.invoke({}, CHECK)

    clients = [row["client"] for row in rows(service)]
    assert clients.count("check") == 5
    assert "mine" in [row["label"] for row in rows(service)]


@pytest.mark.parametrize(
    ("event", "client", "outcome"),
    [
        ({"reply": 1}, "", "succeeded"),
        ({"raise": "no"}, "", "failed"),
        ({"reply": {"statusCode": 404}}, "", "client-error"),
        ({"reply": {"statusCode": 503}}, "", "failed"),
        ({"reply": {"statusCode": 404}}, "check", "succeeded"),
        ({"reply": {"errorType": "E", "errorMessage": "m"}}, "", "failed"),
        (
            {"reply": {"statusCode": 200, "body": '{"errorType": "E", "errorMessage": "m"}'}},
            "",
            "failed",
        ),
    ],
)
def test_outcome_has_one_definition(
    service: LambdaService, event: object, client: str, outcome: str
) -> None:
    service.invoke(event, {"X-Lambda-Live-Source": client})

    assert rows(service)[0]["outcome"] == outcome


def test_invalid_http_response_is_a_failure(service: LambdaService) -> None:
    code = service.project / "function/app.py"
    code.write_text("def handler(event, context): return {'statusCode': 'many'}\n")
    assert service.request("GET", "/").status == 502
    code.write_text(ANSWERS)

    row = rows(service)[0]
    assert (row["outcome"], row["errorType"]) == ("failed", None)
    assert row["problem"].startswith("statusCode must be an integer")


def test_failed_init_counts_as_running_and_not_as_waiting(service: LambdaService) -> None:
    code = service.project / "function/app.py"
    code.write_text("import time\ntime.sleep(0.5)\nraise ValueError('no')\n")
    service.invoke({})
    service.invoke({})
    code.write_text(ANSWERS)

    row = rows(service)[0]
    assert row["errorType"] == "ValueError"
    assert row["durationMs"] > 400
    assert row["waitedMs"] < 400


def test_snippets_repeat_the_invocation(service: LambdaService, tmp_path: Path) -> None:
    service.invoke({"reply": {"a": [1, "é", None, True]}}, {"X-Lambda-Live-Event": "a b.json"})
    row_id = rows(service)[0]["id"]

    found = call_api(service, "GET", f"rows/{row_id}/snippets").json()

    script = subprocess.run(
        [sys.executable, "-c", found["boto3"]], capture_output=True, text=True, check=True
    )
    assert json.loads(script.stdout.splitlines()[1]) == {"a": [1, "é", None, True]}
    (tmp_path / "test_it.py").write_text(found["pytest"], encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(service.project)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    tested = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert "1 passed" in tested.stdout, tested.stdout


def test_pytest_snippet_of_an_error_expects_the_error(service: LambdaService) -> None:
    service.invoke({"raise": "not (this)"})

    found = call_api(service, "GET", f"rows/{rows(service)[0]['id']}/snippets").json()
    assert "pytest.raises(Exception, match='not\\\\ \\\\(this\\\\)')" in found["pytest"]


def test_export_is_an_event_with_its_expected_response(service: LambdaService) -> None:
    service.invoke({"reply": "exported"})

    response = call_api(service, "GET", f"rows/{rows(service)[0]['id']}/export?name=mine")
    with zipfile.ZipFile(io.BytesIO(response.body)) as archive:
        assert json.loads(archive.read("events/mine.json")) == {"reply": "exported"}
        assert json.loads(archive.read("events/expected/mine.json")) == "exported"


def test_removed_function_disappears_from_the_page(start_service: StartService) -> None:
    files = {"template.yaml": TWO_FUNCTIONS + SECOND_FUNCTION, "function/app.py": ANSWERS}
    service = start_service(files, handler=None)
    path = "/2015-03-31/functions/two/invocations"
    service.request("POST", path, b"{}")
    pinned = call_api(service, "POST", f"rows/{rows(service)[0]['id']}/pin").json()
    second = call_api(service, "GET", "functions").json()[1]
    assert (second["name"], second["memoryMb"], second["handler"]) == ("two", 256, "app.handler")
    assert second["routes"][0]["url"] == f"{service.url}/orders/{{id}}"
    assert [(each["type"], each["source"]) for each in second["triggers"]] == [
        ("SQS", "arn:aws:sqs:us-east-1:123456789012:q")
    ]
    samples = call_api(service, "GET", "samples?function=two").json()
    trigger = f"SQS {second['triggers'][0]['name']}"
    names = [each["name"] for each in samples if each["isTrigger"]]
    assert names == ["PUT /orders/{id}", trigger]
    others = [each["name"] for each in samples if not each["isTrigger"]]
    assert {"sqs", "s3", "alb", "cognito"} <= set(others)
    assert samples[0]["event"].startswith("PUT /orders/1\n")
    assert json.loads(samples[1]["event"])["Records"][0]["eventSource"] == "aws:sqs"

    (service.project / "template.yaml").write_text(TWO_FUNCTIONS)

    gone = f"pins/{pinned['id']}"
    wait_until(lambda: call_api(service, "GET", gone).status == 404, "the pin's removal")
    names = [each["name"] for each in call_api(service, "GET", "functions").json()]
    assert names == ["one"]


TENANTS = """
  Tenants:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: function
      FunctionName: tenants
      TenancyConfig: {TenantIsolationMode: PER_TENANT}
"""
NAMES_ITSELF = "def handler(event, context): return [context.function_name, context.tenant_id]\n"


def test_same_event_of_another_function_or_tenant_replays_apart(
    start_service: StartService,
) -> None:
    files = {"template.yaml": TWO_FUNCTIONS + TENANTS, "function/app.py": NAMES_ITSELF}
    service = start_service(files, "--replay", handler=None)
    for name, tenant in (("one", ""), ("tenants", "a"), ("tenants", "b")):
        headers = {"X-Amz-Tenant-Id": tenant} if tenant else {}
        service.request("POST", f"/2015-03-31/functions/{name}/invocations", b"{}", headers)
    pins = {
        call_api(service, "POST", f"rows/{row['id']}/pin").json()["id"] for row in rows(service)
    }
    assert len(pins) == 3

    for number in (1, 2):
        (service.project / "function/app.py").write_text(f"{NAMES_ITSELF}# save {number}\n")
        wait_until(lambda number=number: len(rows(service, "replay")) == 2 * number, "the replays")  # type: ignore[misc]  # mypy infers no default's type
    found = {
        (row["function"], row["count"], *row["changedLabels"]) for row in rows(service, "replay")
    }
    assert found == {("one", 1), ("tenants", 2)}


def test_imports_of_a_cold_start_are_measured(start_service: StartService) -> None:
    files = {
        "function/__init__.py": "",
        "function/app.py": "import function.helper\ndef handler(event, context): return 1\n",
        "function/helper.py": "import time\ntime.sleep(0.05)\n",
    }
    service = start_service(files)
    service.invoke({})
    load = call_api(service, "GET", f"rows/{rows(service, 'reload')[0]['id']}").json()
    by_name = {each["name"]: each for each in load["imports"]}
    assert by_name["function.helper"]["ms"] >= 50
    assert by_name["function.app"]["ms"] >= by_name["function.helper"]["ms"]
    rest = by_name["function.app"]["ms"] - by_name["function.helper"]["ms"]
    assert by_name["function.app"]["selfMs"] <= rest + 1  # both are rounded
    assert by_name["function.helper"]["depth"] == by_name["function.app"]["depth"] + 1
    assert load["memoryMb"] > 0
    printed = subprocess.run(
        [sys.executable, "-m", "lambda_live", "imports", service.admin_url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(r"function: imports \d+ ms · init \d+ ms · \d+ MB\n", printed), printed
    assert re.search(r"\d\d\.\d ms  █+ +function\.helper\n", printed), printed

    (service.project / "function/helper.py").write_text("")
    service.invoke({})
    after = call_api(service, "GET", f"rows/{rows(service, 'reload')[0]['id']}").json()
    assert after["before"]["importMs"] >= 50
    helper = [each["ms"] for each in after["imports"] if each["name"] == "function.helper"]
    assert sum(helper) < by_name["function.helper"]["ms"]


def test_history_survives_a_restart(tmp_path: Path) -> None:
    project = _project(tmp_path)
    state = tmp_path / "state"
    large = "x" * 2**17
    with closing(_start(project, state)) as service:
        service.invoke({"reply": large})
        service.invoke({"raise": "kept"}, {"X-Lambda-Live-Event": "kept.json"})
        failed, succeeded = rows(service)
        pin = call_api(service, "POST", f"rows/{succeeded['id']}/pin")
        assert pin.status == 409  # only the start of its event is kept
        service.invoke({"reply": 1})
        pinned = rows(service)[0]
        assert call_api(service, "POST", f"rows/{pinned['id']}/pin").status == 200
        (project / "function/app.py").write_text(ANSWERS + "# saved\n")
        wait_until(lambda: rows(service, "replay"), "the replay")
    (database,) = state.rglob("*.sqlite3")
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700

    with closing(_start(project, state)) as service:
        kept = [row["id"] for row in rows(service) if not row["client"]]
        assert kept == [pinned["id"], failed["id"], succeeded["id"]]
        (replayed,) = rows(service, "replay")
        comparison = call_api(service, "GET", f"rows/{replayed['id']}").json()["comparisons"][0]
        assert (comparison["before"], comparison["changed"]) == (pinned["id"], False)
        detail = call_api(service, "GET", f"rows/{failed['id']}").json()
        assert (detail["errorType"], detail["label"]) == ("ValueError", "kept.json")
        assert detail["location"]["line"] == 4
        again = call_api(service, "POST", f"rows/{succeeded['id']}/rerun").json()
        assert again["response"]["size"] == len(large) + 2
        assert len(rows(service, "reload")) == 3


def test_damaged_history_is_replaced(tmp_path: Path) -> None:
    project = _project(tmp_path)
    with closing(_start(project, tmp_path / "state")) as service:
        service.invoke({})
    (database,) = (tmp_path / "state").rglob("*.sqlite3")
    database.write_bytes(b"not a database" * 1000)

    with closing(_start(project, tmp_path / "state")) as service:
        service.invoke({})
        assert len(rows(service)) == 1


def test_history_that_cannot_be_stored_is_reported_once(tmp_path: Path) -> None:
    project = _project(tmp_path)
    (tmp_path / "state").write_text("a file")
    with closing(_start(project, tmp_path / "state")) as service:
        service.wait_for_line("the history is not stored")
        service.invoke({})
        assert len(rows(service)) == 1


def test_second_service_of_a_project_leaves_the_history_of_the_first(tmp_path: Path) -> None:
    project = _project(tmp_path)
    with closing(_start(project, tmp_path / "state")) as first:
        first.invoke({})
        with closing(_start(project, tmp_path / "state")) as second:
            second.wait_for_line("another service of this project stores its own")
            second.invoke({})
            second.invoke({})
            assert len(rows(second)) == 2
        first.invoke({})

    with closing(_start(project, tmp_path / "state")) as third:
        assert len(rows(third)) == 2
        assert "the history is not stored" not in third.log


def test_history_in_the_folder_of_the_code_is_not_code(tmp_path: Path) -> None:
    project = _project(tmp_path)
    options = ("--history", "--watch=.")
    state = "relative"  # which is invalid
    service = LambdaService(project, *options, HOME=str(project), XDG_STATE_HOME=state)
    with closing(service):
        for _ in range(2):
            service.invoke({})
            wait_until(lambda: [*project.glob(".local/state/lambda-live/history/*")])

        assert service.metric("lambda_reloads_total") == 0
    assert not (project / "relative").exists()


def _project(folder: Path) -> Path:
    write_project(folder / "project", {"function/app.py": ANSWERS})
    return folder / "project"


def _start(project: Path, state: Path) -> LambdaService:
    service = LambdaService(project, "--history", XDG_STATE_HOME=str(state))
    service.wait_until_ready()
    return service
