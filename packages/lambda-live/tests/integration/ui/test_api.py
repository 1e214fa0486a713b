import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.checks import print_result
from support.http import HttpResponse, request
from support.lambda_service import INVOKE, LambdaService
from support.project import RUNS_ITS_EVENT, write_project
from support.service_starter import StartService
from support.terminal import TerminalService
from support.waiting import wait_until

JSON = {"Content-Type": "application/json"}

MAX_INVOCATIONS = 100
ORDER = """POST http://localhost:3001/orders?a=1
Content-Type: application/json

{"x": 1}
"""
RETURNS_HTTP_RESPONSE = """
def handler(event, context):
    return {"statusCode": 201, "headers": {"x-id": "7"}, "body": "[1]"}
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(
        {
            "function/__init__.py": "",
            "function/app.py": RUNS_ITS_EVENT,
            "events/five.json": '{"code": "reply = 5"}',
            "events/expected/five.json": "5",
            "events/order.http": ORDER,
            "events/expected/order.http": "HTTP/1.1 201\nx-id: <number>\n\n[1]\n",
            "outside.txt": "in the project",
        },
        constants={"ui.history.MAX_INVOCATIONS": MAX_INVOCATIONS},
    )


def call_api(service: LambdaService, method: str, path: str, body: object = None) -> HttpResponse:
    content = None if body is None else json.dumps(body).encode()
    return request(service.admin_url, method, f"/api/{path}", content, JSON)


def rows(service: LambdaService) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call_api(service, "GET", "rows").json()
    return found


def newest(service: LambdaService) -> dict[str, Any]:
    detail: dict[str, Any] = call_api(service, "GET", f"rows/{rows(service)[0]['id']}").json()
    return detail


def snippets(service: LambdaService) -> dict[str, str]:
    """Return the snippets of the newest row."""
    found: dict[str, str] = call_api(
        service, "GET", f"rows/{rows(service)[0]['id']}/snippets"
    ).json()
    return found


def send(service: LambdaService, code: str) -> dict[str, Any]:
    event = json.dumps({"code": code})
    row: dict[str, Any] = call_api(
        service, "POST", "invoke", {"function": "function", "event": event}
    ).json()
    return row


def test_invocation_is_recorded_with_event_response_and_log(service: LambdaService) -> None:
    response = service.invoke({"code": "print('hello'); reply = 'well'"})

    row = newest(service)
    assert row["requestId"] == response.headers["x-amzn-requestid"]
    assert (row["label"], row["status"], row["errorType"]) == ("Invoke", "success", None)
    assert json.loads(row["event"]["text"])["code"].startswith("print")
    assert row["response"] == {"text": '"well"', "size": 6, "truncated": False}
    assert row["log"]["text"] == "hello"
    assert row["codeSha256"] == response.headers["x-lambda-live-code-sha256"]
    assert row["durationMs"] > 0
    assert row["memoryMb"] > 0


def test_label_may_contain_any_characters(service: LambdaService) -> None:
    service.invoke({"code": ""}, {"X-Lambda-Live-Event": "注文.json".encode().decode("latin-1")})
    service.request("GET", "/", None, {"X-Lambda-Live-Event": "b\xe4.http"})

    assert [row["label"] for row in rows(service)[:2]] == ["b\ufffd.http", "注文.json"]


def test_error_is_recorded_with_location_and_source_lines(service: LambdaService) -> None:
    service.invoke({"code": "raise ValueError('no')"})

    row = newest(service)
    assert (row["errorType"], row["message"]) == ("ValueError", "no")
    location = row["location"]
    assert location["path"] == str(service.project / "function/app.py")
    assert (
        location["lines"][location["line"] - location["firstLine"]]
        == '    exec(event["code"], scope)'
    )


def test_error_in_missing_file_has_location_without_source_lines(
    service: LambdaService,
) -> None:
    gone = service.project / "function/gone.py"
    service.invoke({"code": f"exec(compile('1 / 0', {str(gone)!r}, 'exec'))"})

    location = newest(service)["location"]
    assert (location["path"], location["line"], location["lines"]) == (str(gone), 1, [])


def test_error_in_very_large_file_has_location_without_source_lines(
    service: LambdaService,
) -> None:
    large = service.project / "large.py"
    large.write_text("1 / 0\n" + "# much\n" * 1_000_000)
    service.invoke({"code": f"exec(compile('1 / 0', {str(large)!r}, 'exec'))"})

    location = newest(service)["location"]
    assert (location["path"], location["lines"]) == (str(large), [])


def test_rows_have_preview_of_event(service: LambdaService) -> None:
    text = {"Content-Type": "text/plain"}
    sent: list[tuple[str, bytes, dict[str, str]]] = [
        (INVOKE, b'{ "code":\n  "reply = 1" }', {}),
        (INVOKE, b'{"code": ""}', {"X-Lambda-Live-Event": "five.json"}),
        (INVOKE, b'"%s"' % (b"x" * 2**17), {}),
        (INVOKE, b'{"requestContext": "%s"}' % (b"x" * 2**17), {}),
        ("/orders?a=1", b"7 of\nthem", text),
        ("/orders", b"\xff", {}),
    ]
    for path, body, headers in sent:
        service.request("POST", path, body, headers)

    shown = [row["preview"] for row in rows(service)[: len(sent)]]
    long = 'requestContext: "' + "x" * 83
    assert shown == ["", "?a=1 7 of them", long, '"' + "x" * 99, "", 'code: "reply = 1"']


@pytest.mark.parametrize("part", ["event", "response", "log"])
def test_body_over_64_kb_is_truncated(service: LambdaService, part: str) -> None:
    size = 2**17
    code = {
        "event": "reply = 1",
        "response": f"reply = 'x' * {size}",
        "log": f"print('x' * {size})",
    }
    service.invoke({"code": code[part], "padding": "x" * size if part == "event" else ""})

    body = newest(service)[part]
    assert body["truncated"] is True
    assert body["size"] >= size
    assert len(body["text"]) == 2**16


def test_event_over_64_kb_is_rerun_saved_and_downloaded_as_a_whole(service: LambdaService) -> None:
    event = {"code": "reply = len(event['padding'])", "padding": "x" * 5 * 2**20}
    service.invoke(event)
    row_id = newest(service)["id"]

    again = call_api(service, "POST", f"rows/{row_id}/rerun", {}).json()
    saved = call_api(service, "POST", f"rows/{row_id}/save-as-check", {"name": "large_one"})
    downloaded = call_api(service, "GET", f"rows/{row_id}/event")

    assert again["response"]["text"] == str(5 * 2**20)
    assert saved.json()["saved"] is True
    assert json.loads((service.project / "events/large_one.json").read_text()) == event
    assert downloaded.json() == event
    assert downloaded.headers["content-disposition"].startswith("attachment; filename=")


def test_oldest_whole_bodies_are_dropped_above_the_limit(start_service: StartService) -> None:
    files = {"function/app.py": "def handler(event, context): return 1\n"}
    service = start_service(files, constants={"ui.store.MAX_BODY_MEMORY_BYTES": 2**18})
    for _ in range(3):
        service.invoke({"padding": "x" * 2**17})

    newest_id, *_, oldest_id = [row["id"] for row in rows(service) if row["kind"] == "invocation"]
    assert call_api(service, "POST", f"rows/{newest_id}/rerun", {}).status == 200

    def rerun_failure() -> str | None:
        response = call_api(service, "POST", f"rows/{oldest_id}/rerun", {})
        return response.json()["message"] if response.status == 409 else None

    message = wait_until(rerun_failure, "the removal of the oldest body")
    assert (
        message == "Only the first 64 KB of this event (128 KB) are left: newer ones replaced it."
    )
    assert call_api(service, "POST", f"rows/{oldest_id}/pin", {}).status == 409


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="Python 3.14 parses it")
def test_deeply_nested_event_cannot_be_pinned(service: LambdaService) -> None:
    service.request("POST", INVOKE, b"[" * 5000 + b"]" * 5000)

    response = call_api(service, "POST", f"rows/{newest(service)['id']}/pin", {})
    assert (response.status, response.json()["message"]) == (
        409,
        "Cannot pin this invocation: it is nested too deeply.",
    )


def test_event_file_over_payload_limit_is_rejected(service: LambdaService) -> None:
    (service.project / "events/large.json").write_text('"' + "x" * 7 * 2**20 + '"')

    response = call_api(service, "GET", "events/large.json")
    assert response.status == 413
    assert response.json()["message"].endswith("An event may have 6291456.")


def test_history_keeps_the_last_invocations(service: LambdaService) -> None:
    first = send(service, "reply = 1")["id"]
    for _ in range(MAX_INVOCATIONS):
        service.invoke({"code": "reply = 2"})

    invocations = [row for row in rows(service) if row["kind"] == "invocation"]
    assert len(invocations) == MAX_INVOCATIONS
    assert call_api(service, "GET", f"rows/{first}").status == 404


def test_rerun_sends_the_same_event(service: LambdaService) -> None:
    once = send(service, "reply = event['code'].count('e')")
    again = call_api(service, "POST", f"rows/{once['id']}/rerun", {}).json()

    assert again["requestId"] != once["requestId"]
    assert (again["event"], again["response"]) == (once["event"], once["response"])


def test_curl_command_repeats_invocation(service: LambdaService) -> None:
    code = "reply = {'statusCode': 418, 'body': event.get('body', 'it\\'s direct')}"
    service.invoke({"code": code})
    direct = snippets(service)["curl"]
    words = [*shlex.split(direct), "--silent"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"statusCode": 418, "body": "it's direct"}


@pytest.fixture
def code(service: LambdaService) -> Iterator[Path]:
    """Yield the function's file; restore it afterwards."""
    path = service.project / "function/app.py"
    yield path
    path.write_text(RUNS_ITS_EVENT)
    assert service.run("reply = 1") == 1


INCOMPLETE_REQUEST = {"requestContext": {"http": {"method": "GET"}}}


@pytest.mark.parametrize(
    "event", [["requestContext"], {"requestContext": 1}, "requestContext", INCOMPLETE_REQUEST]
)
def test_curl_command_of_event_resembling_request_repeats_event(
    service: LambdaService, code: Path, event: object
) -> None:
    code.write_text("def handler(event, context): return event")
    assert service.invoke(event, {"X-Lambda-Live-Event": "GET /"}).json() == event
    row = newest(service)

    assert row["event"]["text"] == json.dumps(event)
    done = subprocess.run(
        [*shlex.split(snippets(service)["curl"]), "--silent"], capture_output=True, check=True
    )
    assert json.loads(done.stdout) == event


def test_curl_command_of_http_request_repeats_request(service: LambdaService, code: Path) -> None:
    code.write_text("def handler(event, context): return event")
    headers = {"Content-Type": "text/plain", "X-Own": "it's mine", "Cookie": "a=b; c=it's"}
    service.request("PUT", "/a%20path?q=1&q=2", b"the body", headers)
    line = snippets(service)["curl"]
    subprocess.run([*shlex.split(line), "--silent"], stdout=subprocess.DEVNULL, check=True)

    first, second = (
        json.loads(call_api(service, "GET", f"rows/{row['id']}").json()["event"]["text"])
        for row in rows(service)[:2]
    )
    assert first["cookies"] == ["a=b", "c=it's"]
    for name in ("rawPath", "rawQueryString", "body", "isBase64Encoded", "cookies"):
        assert first[name] == second[name]
    assert first["headers"]["x-own"] == "it's mine"
    assert first["requestContext"]["http"]["method"] == "PUT"


def test_event_file_is_listed_with_expected_response_and_sent(service: LambdaService) -> None:
    assert "five.json" in call_api(service, "GET", "events").json()
    event_file = call_api(service, "GET", "events/five.json").json()
    assert event_file["expected"] == "5"

    body = {"function": "function", "event": event_file["event"], "label": event_file["name"]}
    row = call_api(service, "POST", "invoke", body).json()
    assert (row["label"], row["response"]["text"]) == ("five.json", "5")


def send_request(service: LambdaService, text: str, **more: str) -> HttpResponse:
    body = {"function": "function", "request": text, **more}
    return call_api(service, "POST", "request", body)


def test_http_file_is_sent_to_url_and_response_compared(service: LambdaService, code: Path) -> None:
    code.write_text(RETURNS_HTTP_RESPONSE)
    assert "order.http" in call_api(service, "GET", "events").json()
    sent = send_request(service, ORDER, eventFile="order.http").json()
    row = sent["row"]
    assert (sent["matchesExpected"], sent["response"]["status"], row["httpStatus"]) == (
        True,
        201,
        201,
    )
    assert (row["label"], row["client"]) == ("order.http", "page")
    event = json.loads(row["event"]["text"])
    assert (event["rawPath"], event["rawQueryString"]) == ("/orders", "a=1")

    code.write_text(RETURNS_HTTP_RESPONSE.replace("[1]", "[2]"))
    sent = send_request(service, ORDER, eventFile="order.http").json()
    assert sent["matchesExpected"] is False
    assert sent["expected"] == "HTTP 201\nx-id: 7\n\n[\n  1\n]"
    assert sent["actual"] == "HTTP 201\nx-id: 7\n\n[\n  2\n]"


def test_request_that_reaches_no_function_has_response_without_row(service: LambdaService) -> None:
    sent = send_request(service, "GET /\nHost: example.com").json()

    assert (sent["row"], sent["response"]["status"], sent["matchesExpected"]) == (None, 403, None)
    assert "is not allowed. To allow it, start" in sent["response"]["body"]["text"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "The first line must look like POST /path"),
        ("GET /\n\n###\nGET /", "more than one request"),
        ("GET /\n: b", "Not a valid HTTP request: Invalid header name"),
        ("POST /\n\n< none.txt", "Cannot read the file of the request's body: [Errno 2]"),
        ("POST /\n\n< ../../outside.txt", "is outside this project"),
        ("POST /\n\n< /etc/passwd", "is outside this project"),
    ],
)
def test_invalid_request_is_rejected_with_reason(
    service: LambdaService, text: str, why: str
) -> None:
    response = send_request(service, text)
    assert response.status == 400
    assert why in response.json()["message"]


def test_request_body_may_come_from_file_in_project(service: LambdaService) -> None:
    sent = send_request(service, "POST /\nContent-Type: text/plain\n\n< ../outside.txt").json()
    assert json.loads(sent["row"]["event"]["text"])["body"] == "in the project"


@pytest.mark.parametrize("name", ["..%2Ftemplate.yaml", "%2Fetc%2Fpasswd", ".hidden.json", "no"])
def test_file_outside_events_folder_is_not_found(service: LambdaService, name: str) -> None:
    assert call_api(service, "GET", f"events/{name}").status == 404


def test_save_as_check_writes_event_and_expected_response(service: LambdaService) -> None:
    row = send(service, "reply = {'b': 1, 'ä': 2}")
    response = call_api(
        service, "POST", f"rows/{row['id']}/save-as-check", {"name": "saved"}
    ).json()

    assert response["saved"] is True
    events = service.project / "events"
    assert json.loads((events / "saved.json").read_text()) == json.loads(row["event"]["text"])
    assert json.loads((events / "expected/saved.json").read_text()) == {"b": 1, "ä": 2}
    again = call_api(service, "POST", f"rows/{row['id']}/save-as-check", {"name": "saved"})
    assert again.status == 409
    assert again.json()["message"] == "saved.json exists. Choose another name."


def test_save_as_check_reports_write_error(service: LambdaService) -> None:
    row = send(service, "reply = 1")
    (service.project / "events/expected/nowhere.json").symlink_to("not/there.json")

    response = call_api(service, "POST", f"rows/{row['id']}/save-as-check", {"name": "nowhere"})

    assert response.status == 409
    assert response.json()["message"].startswith("Cannot write the event: [Errno 2]")
    assert not (service.project / "events/nowhere.json").exists()


@pytest.mark.parametrize("name", ["../saved", "a/b", "", ".x", "x" * 200])
def test_save_as_check_rejects_invalid_name(service: LambdaService, name: str) -> None:
    row = send(service, "reply = 1")
    response = call_api(service, "POST", f"rows/{row['id']}/save-as-check", {"name": name})

    assert (response.status, response.json()["message"][:12]) == (409, "Invalid name")


def test_replay_of_same_failure_is_unchanged(start_service: StartService) -> None:
    source = "import os\ndef handler(event, context): os._exit(event)"
    service = start_service(source, "--replay")
    service.invoke(1)
    first = newest(service)["message"]
    (service.project / "function/app.py").write_text(f"{source}  # as it was")

    row = wait_until(lambda: replays(service), "the replay")[0]
    assert (row["count"], row["changedLabels"]) == (1, [])
    assert first == "Runtime exited with error: exit status 1"


def test_failed_invocation_cannot_be_saved_as_check(service: LambdaService) -> None:
    row = send(service, "raise ValueError('no')")
    assert (
        call_api(service, "POST", f"rows/{row['id']}/save-as-check", {"name": "failed"}).status
        == 409
    )


def test_save_as_check_in_cluster_returns_files_without_writing(
    start_service: StartService,
) -> None:
    service = start_service(RUNS_ITS_EVENT, KUBERNETES_SERVICE_HOST="10.43.0.1")
    row = send(service, "reply = 1")
    response = call_api(
        service, "POST", f"rows/{row['id']}/save-as-check", {"name": "saved"}
    ).json()

    assert response["saved"] is False
    assert [file["path"] for file in response["files"]] == [
        "events/saved.json",
        "events/expected/saved.json",
    ]
    assert not (service.project / "events").exists()


def test_search_finds_text_in_bodies(service: LambdaService) -> None:
    row = send(service, "print('a Needle in the log')")
    assert call_api(service, "GET", "search?q=needle").json() == [row["id"]]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"[]", "application/json", 400),
        (b"{", "application/json", 400),
        (b'{"function": "function", "event": "{"}', "application/json", 400),
        (b'{"function": "function", "event": "NaN"}', "application/json", 400),
        (b'{"function": "function"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"function": "another", "event": "1"}', "application/json", 409),
        (b'{"function": "function", "event": "%s"}' % (b"7" * 7 * 2**20), "application/json", 413),
    ],
)
def test_invalid_api_request_is_rejected_with_reason(
    service: LambdaService, body: bytes, content_type: str, status: int
) -> None:
    response = request(
        service.admin_url, "POST", "/api/invoke", body, {"Content-Type": content_type}
    )
    assert response.status == status
    assert response.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "nothing"), ("POST", "nothing"), ("DELETE", "nothing")),
        *(("GET", "pins/999999"), ("GET", f"rows/{'9' * 5000}")),
    ],
)
def test_unknown_api_path_is_not_found_with_message(
    service: LambdaService, method: str, path: str
) -> None:
    response = call_api(service, method, path, {} if method == "POST" else None)

    assert response.status == 404
    assert response.json()["message"]


def test_oversized_api_request_is_rejected(service: LambdaService) -> None:
    response = call_api(service, "POST", "invoke", "x" * (12 * 2**20))

    assert response.status == 413


def test_invalid_json_response_is_recorded_unchanged(service: LambdaService) -> None:
    service.invoke({"code": "reply = b'{\"statusCode\": broken'"})

    assert newest(service)["response"]["text"] == '{"statusCode": broken'


def test_every_response_has_security_headers(service: LambdaService) -> None:
    for path in ("/", "/static/main.js", "/static/page.css", "/api/rows"):
        response = service.admin(path)
        assert response.status == 200
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["x-content-type-options"] == "nosniff"
    assert b"http" not in service.admin("/").body
    assert service.admin("/static/..%2Fapi.py").status == 404
    assert service.admin("/nothing").status == 404


def test_ids_of_earlier_service_are_not_found(
    service: LambdaService, start_service: StartService
) -> None:
    stale = send(service, "reply = 'of the earlier service'")
    pin = call_api(service, "POST", f"rows/{stale['id']}/pin", {}).json()
    another = start_service(RUNS_ITS_EVENT)
    row = send(another, "reply = 'another'")
    call_api(another, "POST", f"rows/{row['id']}/pin", {})

    assert call_api(another, "POST", f"rows/{stale['id']}/rerun", {}).status == 404
    assert call_api(another, "DELETE", f"pins/{pin['id']}").status == 404
    assert call_api(service, "DELETE", f"pins/{pin['id']}").status == 200
    assert row["id"] > stale["id"]


def test_pinned_invocation_reruns_after_each_save(service: LambdaService, code: Path) -> None:
    source = "def handler(event, context): return {'version': %d, 'event': event}"
    path = code
    path.write_text(source % 1)
    row = call_api(service, "POST", "invoke", {"function": "function", "event": "7"}).json()
    pin = call_api(service, "POST", f"rows/{row['id']}/pin", {}).json()
    assert call_api(service, "POST", f"rows/{row['id']}/pin", {}).json()["id"] == pin["id"]
    for version, changed in ((2, True), (3, True)):
        path.write_text(source % version)

        def last(version: int = version) -> Any:
            last = call_api(service, "GET", f"pins/{pin['id']}").json()["lastComparison"]
            after = last and last["afterRow"]["response"]["text"]
            return last if after == json.dumps({"version": version, "event": 7}) else None

        found = wait_until(last, "the response of the new code")
        assert found["changed"] is changed
        assert json.loads(found["beforeRow"]["response"]["text"])["version"] == version - 1
    path.write_text(source % 3 + "  # same response")
    wait_until(
        lambda: (
            not call_api(service, "GET", f"pins/{pin['id']}").json()["lastComparison"]["changed"]
        ),
        "an unchanged response",
    )

    path.write_text("def handler(event, context): return b'no JSON'")
    wait_until(
        lambda: call_api(service, "GET", f"pins/{pin['id']}").json()["lastComparison"]["changed"],
        "it",
    )

    assert call_api(service, "DELETE", f"pins/{pin['id']}").status == 200
    assert call_api(service, "DELETE", f"pins/{pin['id']}").status == 404


RETURNS_NEW_IDS_AND_TIMES = """
import json, time, uuid
from datetime import UTC, datetime
def handler(event, context):
    body = {"id": str(uuid.uuid4()), "at": datetime.now(UTC).isoformat(), "n": [1, True]}
    return {"statusCode": 200, "headers": {"x-id": context.aws_request_id}, "body": BODY}
"""


def test_replay_ignores_changed_ids_and_times(
    start_service: StartService,
) -> None:
    service = start_service(
        RETURNS_NEW_IDS_AND_TIMES.replace("BODY", "json.dumps(body)"), "--replay"
    )
    service.invoke()
    path = service.project / "function/app.py"
    saves = [
        ("json.dumps(body, sort_keys=True)", False),
        ("json.dumps(body | {'n': [1, 1]})", True),
        ("json.dumps(body | {'n': [1]})", True),
        ("json.dumps(body | {'n': [1], 'id': 'none'})", True),
        ("json.dumps(body | {'n': [1], 'id': 'none', 'more': 1})", True),
        ("str(time.time())", True),
        ("'{'", True),
    ]
    for number, (body, changed) in enumerate(saves, 1):
        path.write_text(RETURNS_NEW_IDS_AND_TIMES.replace("BODY", body))
        wait_until(lambda number=number: len(replays(service)) == number, "the replay")  # type: ignore[misc]  # mypy infers no default's type
        assert (body, bool(replays(service)[0]["changedLabels"])) == (body, changed)


def replays(service: LambdaService) -> list[dict[str, Any]]:
    return [row for row in rows(service) if row["kind"] == "replay"]


def test_client_invocations_replay_only_if_enabled(
    start_service: StartService,
) -> None:
    source = "def handler(event, context): return %s"
    service = start_service(source % "1", constants={"ui.replay.MAX_INVOCATIONS": 5})
    check = {"X-Lambda-Live-Source": "check"}
    service.invoke("older than the last invocations")
    service.invoke(["requestContext"])
    service.invoke({"large": "x" * 2**17})
    for number in (1, 2, 2):
        service.invoke({"number": number})
    service.request("POST", INVOKE, b'{"by": "a check"}', check)
    for _ in range(2):
        service.request("GET", "/path?q=1")
    path = service.project / "function/app.py"

    path.write_text(source % "2 # off")
    service.wait_for_line("reloaded")
    assert replays(service) == []
    assert call_api(service, "PUT", "replay", {"enabled": True}).json() == {"enabled": True}
    path.write_text(source % "'number' in event and event['number'] or 1")
    row = wait_until(lambda: replays(service), "the replay")[0]

    assert row["count"] == 5
    assert row["changedLabels"] == ["Invoke"]
    compared = call_api(service, "GET", f"rows/{row['id']}").json()["comparisons"]
    assert [(each["preview"], each["changed"]) for each in compared] == [
        ("?q=1", False),
        ("number: 2", True),
        ("number: 1", False),
        ('large: "' + "x" * 92, False),
        ('["requestContext"]', False),
    ]
    assert compared[3]["skipReason"] == ""


def test_checks_result_is_recorded_in_history(tmp_path: Path) -> None:
    write_project(tmp_path, {"function/__init__.py": "", "function/app.py": RUNS_ITS_EVENT})
    command = print_result(19, ["one"])
    with closing(TerminalService(tmp_path, "--after-reload", command)) as service:
        page = service.wait_for(r"Dashboard +(http://\S+:\d+)")[1]

        def checks() -> list[dict[str, Any]]:
            found = request(page, "GET", "/api/rows").json()
            return [row for row in found if row["kind"] == "checks"]

        (row,) = wait_until(checks, "the checks")
        detail = request(page, "GET", f"/api/rows/{row['id']}").json()
    assert detail["succeeded"] is False
    assert detail["message"] == "19 of 20 events as expected"
    assert detail["output"] == "one.json: one: 1 → 2"


def test_links_use_public_url_and_editor_root(start_service: StartService) -> None:
    service = start_service(
        RUNS_ITS_EVENT, "--public-url=http://localhost:5432", "--editor-root=/home/me/a project"
    )
    send(service, "reply = 1")
    curl = snippets(service)["curl"]
    assert curl.endswith("http://localhost:5432/2015-03-31/functions/function/invocations")
    page = service.request("GET", "/", headers={"Accept": "text/html"}).body.decode()
    assert 'href="vscode://file/home/me/a%20project/function/app.py:4"' in page
