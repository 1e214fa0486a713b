"""Events that are HTTP requests to the function URL."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.service_starter import StartService
from tests.environment.support.checks import RETURNS_RESPONSE, Checks

ORDER = """
# What an editor's REST client sends.
@host = http://localhost:3001

POST {{host}}/orders/7
  ?a=1
  &b=x%20y HTTP/1.1
Content-Type: application/json
X-Tag: one: two

{"response": {"statusCode": 201, "headers": {"x-id": "7"}, "body": "{\\"id\\": 7}"}}
"""
CREATED = """HTTP/1.1 201 Created
X-Id: <number>

{
  "id": "<number>"
}
"""


HTTP_API = """
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: function
      Runtime: python3.12
      CodeUri: function
      Handler: app.handler
      Events: {Post: {Type: HttpApi, Properties: {Path: /http, Method: post}}}
"""


def received(checks: Checks, request: str) -> dict[str, Any]:
    """Return the event that the function gets from a request."""
    checks.write_request("r", request)
    return dict(json.loads(checks.run("--json").stdout)["checks"][0]["response"]["body"])


def test_status_headers_and_body_are_compared(checks: Checks) -> None:
    checks.write_request("order", ORDER, CREATED)
    assert checks.rows() == ["1 of 1 events as expected"]

    other = CREATED.replace("201", "200").replace("<number>", "8").replace("X-Id", "X-Other")
    checks.write_request("order", ORDER, other)
    assert checks.rows() == [
        "order.http: status: 200 → 201",
        'order.http: headers.x-other: missing: "8"',
        'order.http: body.id: "8" → 7',
        "0 of 1 events as expected",
    ]


def test_an_http_file_is_sent_as_written(checks: Checks) -> None:
    request = ORDER.replace("ORDER", "").partition('{"response')[0] + "null\n\n###\n"
    event = received(checks, request.replace(" HTTP/1.1", "").replace("POST", "PUT"))

    assert event["requestContext"]["http"]["method"] == "PUT"
    assert (event["rawPath"], event["rawQueryString"]) == ("/orders/7", "a=1&b=x%20y")
    assert event["headers"]["x-tag"] == "one: two"
    assert event["body"] == "null"
    assert [name for name in event["headers"] if name.startswith("x-lambda-live")] == []


def test_a_line_with_only_a_url_is_a_get(checks: Checks) -> None:
    event = received(checks, "http://localhost:3001/a/../b")

    assert event["requestContext"]["http"]["method"] == "GET"
    assert event["rawPath"] == "/a/../b"
    assert "content-type" not in event["headers"]


def test_a_body_is_read_from_a_file(checks: Checks) -> None:
    (checks.project / "body.json").write_text("null ")

    request = "POST /\nContent-Type: application/json\n\n< ../body.json\n"
    assert received(checks, request)["body"] == "null "


def test_accept_of_a_response_keeps_placeholders_that_match(checks: Checks) -> None:
    checks.write_request("new", ORDER)
    checks.write_request("old", ORDER, CREATED.replace("201 Created", "200 OK"))
    assert checks.run("--accept").returncode == 0

    assert checks.expected("old.http") == CREATED.replace("201 Created", "201")
    assert checks.expected("new.http") == (
        'HTTP/1.1 201\ncontent-type: application/json\n\n{\n  "id": 7\n}\n'
    )
    assert checks.rows() == ["2 of 2 events as expected"]


def test_an_error_behind_a_function_url_has_its_location(checks: Checks) -> None:
    checks.write_request("bad", 'POST /\nContent-Type: text/json\n\n{"raised": "no"}', "200")

    assert checks.rows()[0] == "bad.http: ValueError: no (function/app.py:11)"
    assert checks.run("--accept").returncode == 1


def test_an_error_behind_an_http_api_has_its_location(
    start_service: StartService, tmp_path: Path
) -> None:
    code = {"template.yaml": HTTP_API, "function/app.py": RETURNS_RESPONSE}
    service = start_service(code, handler=None)
    checks = Checks(tmp_path / "checks", service.project / "function", service.url)
    head = "POST /http\nContent-Type: text/json\n\n"
    checks.write_request("bad", head + '{"raised": "no"}', "200")
    checks.write_request("own", head + '{"response": {"statusCode": 500}}', "500")

    bad, own = json.loads(checks.run("--json").stdout)["checks"]

    assert (bad["error"]["type"], bad["error"]["message"]) == ("ValueError", "no")
    assert (bad["error"]["file"], bad["error"]["line"]) == ("function/app.py", 11)
    assert (own["result"], own["error"]) == ("passed", None)
    request_ids = {line.split()[2] for line in service.lines if line.startswith("START ")}
    assert {bad["request_id"], own["request_id"]} == request_ids


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ("# nothing", "no request found"),
        ("GET /a b", "It must look like POST /path"),
        ("GET /\nno header", "invalid header 'no header'"),
        ("GET /{{id}}", "variables are not supported: /{{id}}"),
        ("GET /\n\n###\nGET /", "more than one request"),
        ("POST /\n\n< missing.json", "no such file: events/missing.json"),
    ],
)
def test_an_invalid_http_file_is_rejected(checks: Checks, request_: str, why: str) -> None:
    checks.write_request("r", request_)
    done = checks.run("events/r.http")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("check: events/r.http")
    assert why in done.stderr


def test_invoke_prints_status_headers_and_body(checks: Checks) -> None:
    checks.write_request("order", ORDER)
    done = checks.run("events/order.http", script="invoke")

    head, _, body = done.stdout.partition("\n\n")
    assert head.startswith("events/order.http:\nHTTP/1.1 201")
    assert "x-id: 7" in head.lower()
    assert json.loads(body) == {"id": 7}
    assert done.returncode == 0
