import base64
import http.client
import json
import re
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any

import pytest

from support.http import HttpResponse
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

RETURNS_BODY_AS_RESULT = """
import json

def handler(event, context):
    match event["rawPath"]:
        case "/":
            return json.loads(event["body"])
        case "/raise":
            raise ValueError(event["rawPath"])
        case "/bytes":
            return b"not JSON"
        case _:
            return {"event": event, "request_id": context.aws_request_id}
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(RETURNS_BODY_AS_RESULT)


def event_of(
    service: LambdaService,
    method: str = "GET",
    query: str = "",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    response = service.request(method, f"/event{query}", body, headers)
    assert response.status == 200, response
    return response.json()["event"]


def reply(service: LambdaService, value: object, method: str = "POST") -> HttpResponse:
    body = json.dumps(value).encode()
    return service.request(method, "/", body, {"Content-Type": "application/json"})


def test_event_has_no_headers_of_the_service(service: LambdaService) -> None:
    own = {"X-Lambda-Live-Source": "check", "X-Lambda-Live-Event": "a.json"}
    headers = event_of(service, headers={"X-Own": "1", **own})["headers"]

    assert headers["x-own"] == "1"
    assert [name for name in headers if name.startswith("x-lambda-live")] == []


def test_event_has_payload_format_2(service: LambdaService) -> None:
    headers = {
        "Connection": "close",
        "Accept": "*/*",
        "User-Agent": "curl/8",
        "X-Two": "1",
        "x-two": "2",
    }
    before = time.time()
    response = service.request("GET", "/event?a=1", headers=headers)

    netloc = urllib.parse.urlsplit(service.url).netloc
    event = response.json()["event"]
    context = event.pop("requestContext")
    trace = response.headers["x-amzn-trace-id"].partition(";Lineage=")[0]
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/event",
        "rawQueryString": "a=1",
        "queryStringParameters": {"a": "1"},
        "headers": {
            "accept": "*/*",
            "host": netloc,
            "user-agent": "curl/8",
            "x-amzn-trace-id": trace,
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-port": netloc.rpartition(":")[2],
            "x-forwarded-proto": "http",
            "x-two": "1,2",
        },
        "isBase64Encoded": False,
    }
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("time"))
    assert before - 1 < context.pop("timeEpoch") / 1000 < time.time() + 1
    assert context == {
        "accountId": "anonymous",
        "apiId": "function",
        "domainName": netloc,
        "domainPrefix": "127",
        "http": {
            "method": "GET",
            "path": "/event",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "curl/8",
        },
        "requestId": response.json()["request_id"],
        "routeKey": "$default",
        "stage": "$default",
    }
    assert response.headers["x-amzn-requestid"] == response.json()["request_id"]


def test_event_source_address_is_the_peer(service: LambdaService) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    event = event_of(service, headers=forwarded)

    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-for"] == "203.0.113.7, 127.0.0.1"
    assert event["headers"]["x-forwarded-proto"] == "http"


def test_event_cookies_are_a_list(service: LambdaService) -> None:
    event = event_of(service, headers={"Cookie": "a=1; b=2"})

    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]


def test_event_repeated_query_parameters_are_joined(service: LambdaService) -> None:
    event = event_of(service, query="?a=1&b=&a=2&c=%C3%BC%26&d=x+y")

    assert event["rawQueryString"] == "a=1&b=&a=2&c=%C3%BC%26&d=x+y"
    assert event["queryStringParameters"] == {"a": "1,2", "b": "", "c": "ü&", "d": "x y"}


def test_event_without_query_has_no_parameters(service: LambdaService) -> None:
    event = event_of(service)

    assert event["rawQueryString"] == ""
    assert "queryStringParameters" not in event
    assert "cookies" not in event


@pytest.mark.parametrize("path", ["/a%20b/%C3%BC%2Fc", "//double//slash", "/dots/../dots"])
def test_event_raw_path_is_not_decoded(service: LambdaService, path: str) -> None:
    event = service.request("GET", path).json()["event"]

    assert event["rawPath"] == path
    assert event["requestContext"]["http"]["path"] == path


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/html; charset=utf-8",
        "application/json",
        "Application/JSON",
        "application/xml",
        "application/javascript",
    ],
)
def test_event_text_body_is_text(service: LambdaService, content_type: str) -> None:
    body = "Grüße 🚀".encode()
    event = event_of(service, "POST", body=body, headers={"Content-Type": content_type})

    assert (event["body"], event["isBase64Encoded"]) == ("Grüße 🚀", False)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/vnd.api+json",
        None,
    ],
)
def test_event_other_body_is_base64(service: LambdaService, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    event = event_of(service, "POST", body=bytes(range(256)), headers=headers)

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == bytes(range(256))


def test_event_text_body_not_utf_8_is_base64(service: LambdaService) -> None:
    event = event_of(service, "POST", body=b"\xff", headers={"Content-Type": "text/plain"})

    assert (event["body"], event["isBase64Encoded"]) == ("/w==", True)


def test_event_without_body_has_no_body_member(service: LambdaService) -> None:
    event = event_of(service, "POST", body=b"", headers={"Content-Type": "text/plain"})

    assert "body" not in event
    assert event["isBase64Encoded"] is False


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_function_url_every_method_invokes_function(service: LambdaService, method: str) -> None:
    assert event_of(service, method)["requestContext"]["http"]["method"] == method


def test_head_response_has_no_body(service: LambdaService) -> None:
    response = service.request("HEAD", "/event")

    assert (response.status, response.body) == (200, b"")
    assert int(response.headers["content-length"]) > 0


def test_response_has_status_headers_and_body_of_result(service: LambdaService) -> None:
    response = reply(
        service,
        {
            "statusCode": 418,
            "headers": {"X-Number": 7, "X-Text": "text", "content-type": "text/plain"},
            "body": "Grüße 🚀",
        },
    )

    assert response.status == 418
    assert response.headers["x-number"] == "7"
    assert response.headers["x-text"] == "text"
    assert response.headers["content-type"] == "text/plain"
    assert response.body.decode() == "Grüße 🚀"


def test_response_has_one_header_per_cookie(service: LambdaService) -> None:
    response = reply(service, {"statusCode": 200, "cookies": ["a=1; Secure", "b=2"], "body": "x"})

    assert response.headers["set-cookie"] == "a=1; Secure\nb=2"


def test_response_base64_body_is_decoded(service: LambdaService) -> None:
    encoded = base64.b64encode(bytes(range(256))).decode()
    response = reply(
        service,
        {
            "statusCode": 200,
            "headers": {"Content-Type": "image/png"},
            "body": encoded,
            "isBase64Encoded": True,
        },
    )

    assert response.body == bytes(range(256))
    assert response.headers["content-type"] == "image/png"


def test_response_default_content_type_is_json(service: LambdaService) -> None:
    assert reply(service, {"statusCode": 200, "body": "{}"}).headers["content-type"] == (
        "application/json"
    )


def test_response_status_as_string_is_accepted(service: LambdaService) -> None:
    assert reply(service, {"statusCode": "201"}).status == 201


@pytest.mark.parametrize("status", [204, 304])
def test_response_with_status_204_or_304_has_no_body(service: LambdaService, status: int) -> None:
    response = reply(service, {"statusCode": status, "body": "none"})

    assert (response.status, response.body) == (status, b"")
    assert "content-length" not in response.headers


def test_response_content_length_of_function_is_remapped(service: LambdaService) -> None:
    response = reply(
        service,
        {
            "statusCode": 200,
            "headers": {"Content-Length": "1", "Transfer-Encoding": "chunked"},
            "body": "four",
        },
    )

    assert response.body == b"four"
    assert response.headers["x-amzn-remapped-content-length"] == "1"
    assert response.headers["content-length"] == "4"
    assert "transfer-encoding" not in response.headers


def test_response_www_authenticate_is_remapped(
    service: LambdaService,
) -> None:
    response = reply(service, {"statusCode": 401, "headers": {"www-authenticate": "Bearer"}})

    assert response.headers["x-amzn-remapped-www-authenticate"] == "Bearer"
    assert "www-authenticate" not in response.headers
    own = {name for name in response.headers if name.startswith("x-amz") and "remapped" not in name}
    assert own == {"x-amzn-requestid", "x-amzn-trace-id"}


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ({"hello": "world"}, b'{"hello":"world"}'),
        ({"statusCode": 200, "body": {"a": [1, "é"]}}, '{"a":[1,"é"]}'.encode()),
        ({"statusCode": 200, "body": [1, 2], "isBase64Encoded": True}, b"[1,2]"),
        (["a"], b'["a"]'),
        ("hello", b"hello"),
        (7, b"7"),
        (None, b"null"),
    ],
)
def test_response_bare_value_is_the_body(
    service: LambdaService, value: object, body: bytes
) -> None:
    response = reply(service, value)

    assert (response.status, response.body) == (200, body)
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"statusCode": "ok"}, "statusCode must be an integer from 200 to 599, got 'ok'"),
        ({"statusCode": 99}, "statusCode must be an integer from 200 to 599, got 99"),
        ({"statusCode": "2" * 5000}, "statusCode must be an integer from 200 to 599, got '222"),
        ({"statusCode": "٢٠٠"}, "statusCode must be an integer from 200 to 599, got '٢٠٠'"),
        ({"statusCode": 600}, "statusCode must be an integer from 200 to 599, got 600"),
        ({"statusCode": True}, "statusCode must be an integer from 200 to 599, got True"),
        ({"statusCode": None}, "statusCode must be an integer from 200 to 599, got None"),
        ({"statusCode": 200, "headers": ["a"]}, "headers must be a dict, got list"),
        ({"statusCode": 200, "headers": {"a b": "c"}}, "invalid header 'a b': HTTP does"),
        (
            {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
            "invalid header 'a': HTTP does",
        ),
        ({"statusCode": 200, "headers": {"a:b": "c"}}, "invalid header 'a:b': HTTP does"),
        ({"statusCode": 200, "headers": {"a": "b\x01"}}, "invalid header 'a': HTTP does"),
        ({"statusCode": 200, "headers": {"a": "\x7f"}}, "invalid header 'a': HTTP does"),
        (
            {"statusCode": 200, "headers": {"a": "\t"}, "cookies": ["\x1b[2J"]},
            "invalid header 'Set-Cookie'",
        ),
        ({"statusCode": 200, "headers": {"": "c"}}, "invalid header '': HTTP does"),
        (
            {"statusCode": 200, "headers": {"a": "🚀"}},
            "invalid header 'a': its value has a character",
        ),
        ({"statusCode": 200, "cookies": "a=1"}, "cookies must be a list, got str"),
        ({"statusCode": 200, "cookies": 7}, "cookies must be a list, got int"),
        ({"statusCode": 200, "body": 7}, "body must be a string, got int"),
        ({"statusCode": 200, "body": "!", "isBase64Encoded": True}, "body must be valid base64"),
        ({"statusCode": 200, "body": "ü", "isBase64Encoded": True}, "body must be valid base64"),
    ],
)
def test_malformed_response_returns_502_and_is_logged(
    service: LambdaService, value: object, reason: str
) -> None:
    seen = len(service.lines)
    response = reply(service, value)

    assert (response.status, response.body) == (502, b"Internal Server Error")
    wait_until(lambda: any(f"returned 502: {reason}" in line for line in service.lines[seen:]))


def test_response_invalid_json_returns_502(service: LambdaService) -> None:
    assert service.request("GET", "/bytes").status == 502


def test_response_stream_mode_sends_the_whole_result(start_service: StartService) -> None:
    template = """
    Resources:
      Work:
        Type: AWS::Serverless::Function
        Properties:
          Handler: app.handler
          Runtime: python3.12
          CodeUri: code
          FunctionUrlConfig: {AuthType: NONE, InvokeMode: RESPONSE_STREAM}
    """
    files = {"template.yaml": template, "code/app.py": RETURNS_BODY_AS_RESULT}
    service = start_service(files, handler=None)

    response = reply(service, {"statusCode": 418, "body": "text"})

    assert (response.status, response.json()) == (200, {"statusCode": 418, "body": "text"})
    assert response.headers["content-type"] == "application/octet-stream"
    assert service.request("GET", "/raise").status == 502
    notice = "InvokeMode RESPONSE_STREAM of Work sends the whole result as one body"
    assert sum(notice in line for line in service.lines) == 1


def test_function_error_returns_502(service: LambdaService) -> None:
    response = service.request("GET", "/raise")

    assert (response.status, response.body) == (502, b"Internal Server Error")
    assert response.headers["x-lambda-live-code-sha256"]


@pytest.mark.parametrize("host", ["nofunc.localhost:3001", "NOFUNC.localhost.", "a.b.localhost"])
def test_unknown_function_name_does_not_invoke_the_only_function(
    service: LambdaService, host: str
) -> None:
    response = service.request("GET", "/event", headers={"Host": host})

    assert (response.status, response.headers["x-amzn-errortype"]) == (
        404,
        "ResourceNotFoundException",
    )
    assert f"No function has the URL http://{host}/" in response.json()["message"]
    assert "http://function.localhost" in response.json()["message"]
    known = service.request("GET", "/event", headers={"Host": "function.localhost:3001"})
    assert known.status == 200


def test_too_large_request_returns_413(service: LambdaService) -> None:
    response = service.request("POST", "/", b"x" * (6 * 2**20 + 1))

    assert response.status == 413
    assert response.json() == {"Message": "Request must be smaller than 6291456 bytes"}


def test_invalid_http_returns_400(service: LambdaService) -> None:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.url).netloc, timeout=60)
    connection.connect()
    connection.sock.sendall(b"not HTTP\r\n\r\n")
    connection.sock.settimeout(60)

    assert connection.sock.recv(100).startswith(b"HTTP/1.1 400 ")
    connection.close()
    service.wait_for_line("lambda-live: Invalid HTTP request received.")
    assert reply(service, 1).body == b"1"


def test_path_of_api_without_functions_does_not_invoke_the_only_function(
    start_service: StartService,
) -> None:
    template = """
    Resources:
      Work:
        Type: AWS::Serverless::Function
        Properties: {Handler: app.handler, Runtime: python3.12, CodeUri: code}
      Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: orders}}
      Post:
        Type: AWS::ApiGateway::Method
        Properties:
          RestApiId: !Ref Api
          ResourceId: !GetAtt Api.RootResourceId
          HttpMethod: POST
          AuthorizationType: NONE
          Integration:
            Type: AWS
            IntegrationHttpMethod: POST
            Uri: !Sub arn:aws:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/orders
    """
    files = {"template.yaml": template, "code/app.py": RETURNS_BODY_AS_RESULT}
    service = start_service(files, handler=None)

    response = reply(service, {"statusCode": 200})

    assert response.status == 404
    assert "call one of: http://work.localhost:" in response.json()["message"]
    assert (
        sum("template.yaml:17: the method Post is not served" in line for line in service.lines)
        == 1
    )
    assert service.request("GET", "/event", headers={"Host": "work.localhost"}).status == 200
