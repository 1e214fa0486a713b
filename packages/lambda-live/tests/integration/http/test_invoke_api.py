import base64
import http.client
import json
import re
import socket
import urllib.parse
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.http import HttpResponse
from support.lambda_service import INVOKE, LambdaService
from support.waiting import wait_until

ARN = "arn:aws:lambda:us-east-1:123456789012:function:function"
SYNC_LIMIT = 6 * 2**20
ASYNC_LIMIT = 2**20
RESPONSE_LIMIT = 6_291_556


def invoke_code(service: LambdaService, code: str, **parameters: Any) -> Any:
    return service.boto3.invoke(
        FunctionName="function", Payload=json.dumps({"code": code}), **parameters
    )


def json_string_of(size: int) -> bytes:
    return b'"' + b"x" * (size - 2) + b'"'


def error_of(response: HttpResponse) -> tuple[int, str, str]:
    body = response.json()
    return (
        response.status,
        response.headers["x-amzn-errortype"],
        body.get("message", body.get("Message")),
    )


def test_event_number_of_any_length_is_valid(service: LambdaService) -> None:
    service.boto3.invoke(FunctionName="function", InvocationType="DryRun", Payload="9" * 5000)


def test_invoke_by_boto3_returns_result(service: LambdaService) -> None:
    response = invoke_code(service, "reply = {'id': context.aws_request_id, 'sum': 1 + 1}")

    assert response["StatusCode"] == 200
    assert response["ExecutedVersion"] == "$LATEST"
    assert response["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/json"
    assert "FunctionError" not in response
    assert "LogResult" not in response
    request_id = response["ResponseMetadata"]["RequestId"]
    assert json.loads(response["Payload"].read()) == {"id": request_id, "sum": 2}


@pytest.mark.parametrize(
    "name",
    [
        "function",
        "function:$LATEST",
        "123456789012:function:function",
        "function:function",
        ARN,
        f"{ARN}:$LATEST",
    ],
)
def test_function_name_arn_and_partial_arn_are_accepted(service: LambdaService, name: str) -> None:
    code = "reply = context.invoked_function_arn"
    response = service.boto3.invoke(FunctionName=name, Payload=json.dumps({"code": code}))

    qualified = name.endswith(":$LATEST")
    assert service.json_of(response) == (f"{ARN}:$LATEST" if qualified else ARN)


def test_function_arn_unquoted_in_path_is_accepted(service: LambdaService) -> None:
    path = f"/2015-03-31/functions/{ARN}/invocations"

    assert service.request("POST", path, b'{"code": "reply = 1"}').body == b"1"


def test_qualifier_latest_is_accepted(service: LambdaService) -> None:
    code = "reply = context.invoked_function_arn"

    assert service.json_of(invoke_code(service, code, Qualifier="$LATEST")) == f"{ARN}:$LATEST"


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("other", f"{ARN.replace(':function:function', ':function:other')}:$LATEST"),
        ("function:function:7", f"{ARN}:7"),
        (f"{ARN}:prod", f"{ARN}:prod"),
        (
            "210987654321:function:function",
            f"{ARN.replace('123456789012', '210987654321')}:$LATEST",
        ),
    ],
)
def test_unknown_function_is_not_found(service: LambdaService, name: str, arn: str) -> None:
    assert rejection(service, FunctionName=name) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {arn}",
    )


def rejection(service: LambdaService, **parameters: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as raised:
        service.boto3.invoke(**parameters)
    response = raised.value.response
    status: int = response["ResponseMetadata"]["HTTPStatusCode"]
    return status, response["Error"]["Code"], response["Error"]["Message"]


def test_unknown_qualifier_is_not_found(service: LambdaService) -> None:
    assert rejection(service, FunctionName="function", Qualifier="prod") == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}:prod",
    )


def test_arn_of_another_region_is_not_found(service: LambdaService) -> None:
    assert rejection(service, FunctionName=ARN.replace("us-east-1", "eu-west-1")) == (
        404,
        "ResourceNotFoundException",
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    )


def test_different_qualifiers_are_rejected(service: LambdaService) -> None:
    assert rejection(service, FunctionName="function:$LATEST", Qualifier="1") == (
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
FAILED = "failed to satisfy constraint: Member must"


@pytest.mark.parametrize(
    ("parameters", "errors"),
    [
        (
            {"FunctionName": "my-function!"},
            [
                (
                    f"Value 'my-function!' at 'functionName' {FAILED}"
                    f" satisfy regular expression pattern: {NAME_PATTERN}"
                )
            ],
        ),
        (
            {"FunctionName": "function", "Qualifier": "invalid!"},
            [
                (
                    rf"Value 'invalid!' at 'qualifier' {FAILED} satisfy regular expression"
                    r" pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
                )
            ],
        ),
        (
            {"FunctionName": "one:two:three", "Qualifier": "q" * 129},
            [
                (
                    f"Value '{'q' * 129}' at 'qualifier' {FAILED}"
                    " have length less than or equal to 128"
                ),
                (
                    f"Value 'one:two:three' at 'functionName' {FAILED}"
                    f" satisfy regular expression pattern: {NAME_PATTERN}"
                ),
            ],
        ),
    ],
)
def test_invalid_function_name_is_rejected(
    service: LambdaService, parameters: dict[str, str], errors: list[str]
) -> None:
    count = f"{len(errors)} validation error{'s' * (len(errors) > 1)} detected"
    assert rejection(service, **parameters) == (
        400,
        "ValidationException",
        f"{count}: {'; '.join(errors)}",
    )


@pytest.mark.parametrize(("method", "operation"), [("POST", "invoke"), ("GET", "invocations")])
def test_unknown_operation_is_not_found(
    service: LambdaService, method: str, operation: str
) -> None:
    response = service.request(method, f"/2015-03-31/functions/function/{operation}")

    assert error_of(response)[:2] == (404, "UnknownOperationException")


def test_dry_run_invokes_nothing(service: LambdaService) -> None:
    before = service.metric("lambda_invocations_total")

    response = invoke_code(service, "print('dry run ran')", InvocationType="DryRun")

    streamed = service.boto3.invoke_with_response_stream(
        FunctionName="function", InvocationType="DryRun"
    )
    streamed["EventStream"].close()
    assert response["StatusCode"] == streamed["StatusCode"] == 204
    assert "ExecutedVersion" not in response
    assert response["Payload"].read() == b""
    assert service.metric("lambda_invocations_total") == before


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"nope", "Expecting value"),
        (b'{"open": ', "Expecting value"),
        (b"{} {}", "Extra data"),
        (b"NaN", "NaN is not JSON"),
        (b'"\xff"', "codec can't decode"),
    ],
)
def test_event_invalid_json_is_rejected(service: LambdaService, body: bytes, reason: str) -> None:
    status, error_type, message = error_of(service.request("POST", INVOKE, body))

    assert (status, error_type) == (400, "InvalidRequestContentException")
    assert message.startswith(
        "Could not parse request body into json: Could not parse payload into json: "
    )
    assert reason in message


def test_event_too_deep_for_python_is_function_error(service: LambdaService) -> None:
    response = service.request("POST", INVOKE, b"[" * 100_000 + b"]" * 100_000)

    assert response.status == 200
    assert response.headers["x-amz-function-error"] == "Unhandled"
    assert response.json()["errorType"] == "Runtime.UnmarshalError"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "application/cloudevents+json"},
    ],
)
def test_event_content_type_is_optional(service: LambdaService, headers: Mapping[str, str]) -> None:
    assert service.request("POST", INVOKE, b'{"code": "reply = 1"}', headers).body == b"1"


def test_event_unsupported_content_type_is_rejected(service: LambdaService) -> None:
    response = service.request("POST", INVOKE, b"<a/>", {"Content-Type": "text/xml"})

    assert error_of(response)[:2] == (415, "UnsupportedMediaTypeException")


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_event_empty_body_is_empty_object(service: LambdaService, body: bytes) -> None:
    response = service.request("POST", INVOKE, body)

    assert response.json()["errorType"] == "KeyError"
    assert response.json()["errorMessage"] == "'code'"


def test_event_of_maximum_size_is_accepted(service: LambdaService) -> None:
    response = service.request("POST", INVOKE, json_string_of(SYNC_LIMIT))

    assert response.json()["errorType"] == "TypeError"


@pytest.mark.parametrize(
    ("kind", "limit", "code", "message"),
    [
        (
            "RequestResponse",
            SYNC_LIMIT,
            "RequestTooLargeException",
            f"Request must be smaller than {SYNC_LIMIT} bytes for the InvokeFunction operation",
        ),
        (
            "Event",
            ASYNC_LIMIT,
            "RequestEntityTooLargeException",
            "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
        ),
    ],
)
def test_event_above_maximum_size_is_rejected(
    service: LambdaService, kind: str, limit: int, code: str, message: str
) -> None:
    payload = json_string_of(limit + 1)

    assert rejection(service, FunctionName="function", InvocationType=kind, Payload=payload) == (
        413,
        code,
        message,
    )


def test_event_above_maximum_size_in_chunks_is_rejected(service: LambdaService) -> None:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.url).netloc, timeout=60)
    chunks = iter([b'"', *[b"x" * 2**20] * 7, b'"'])
    connection.request("POST", INVOKE, chunks, encode_chunked=True)
    status = connection.getresponse().status
    connection.close()

    assert status == 413
    assert service.run("reply = 1") == 1


def test_expect_100_continue_too_large_body_is_rejected_unread(service: LambdaService) -> None:
    url = urllib.parse.urlsplit(service.url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        length = f"Content-Length: {SYNC_LIMIT + 1}\r\nExpect: 100-continue"
        connection.sendall(
            f"POST {INVOKE} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode()
        )

        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_result_of_maximum_size_is_returned(service: LambdaService) -> None:
    response = service.invoke({"code": f"reply = 'x' * {RESPONSE_LIMIT - 2}"})

    assert "x-amz-function-error" not in response.headers
    assert len(response.body) == RESPONSE_LIMIT


def test_result_above_maximum_size_is_function_error(service: LambdaService) -> None:
    response = invoke_code(service, f"reply = 'x' * {RESPONSE_LIMIT - 1}")

    assert (response["StatusCode"], response["FunctionError"]) == (200, "Unhandled")
    assert json.loads(response["Payload"].read()) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size"
        " (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert service.run("reply = 1") == 1


def test_exception_is_function_error_with_status_200(service: LambdaService) -> None:
    response = invoke_code(service, "raise ValueError('wrong')")

    assert (response["StatusCode"], response["FunctionError"]) == (200, "Unhandled")
    assert response["ExecutedVersion"] == "$LATEST"
    error = json.loads(response["Payload"].read())
    assert error.pop("stackTrace")[0].startswith('  File "')
    assert error == {
        "errorMessage": "wrong",
        "errorType": "ValueError",
        "requestId": response["ResponseMetadata"]["RequestId"],
    }


def test_result_not_json_is_marshal_error(service: LambdaService) -> None:
    error = service.run("reply = object()")

    assert error["errorType"] == "Runtime.MarshalError"
    assert "is not JSON serializable" in error["errorMessage"]


def test_result_bytes_are_returned_unchanged(service: LambdaService) -> None:
    response = service.invoke({"code": "reply = bytes(range(256))"})

    assert response.body == bytes(range(256))
    assert response.headers["content-type"] == "application/unknown"


def test_unicode_is_not_escaped(service: LambdaService) -> None:
    event = {"code": "reply = event['text']", "text": "Grüße, 世界 🚀 \x00"}
    body = json.dumps(event, ensure_ascii=False).encode()

    response = service.request("POST", INVOKE, body)

    assert response.body == '"Grüße, 世界 🚀 \\u0000"'.encode()


def test_result_none_is_null(service: LambdaService) -> None:
    assert service.invoke({"code": "reply = None"}).body == b"null"


def test_log_tail_is_log_of_the_invocation(service: LambdaService) -> None:
    code = """
import logging, sys
print("printed")
logging.getLogger().warning("logged")
print("to stderr", file=sys.stderr)
print("no newline", end="")
"""
    response = invoke_code(service, code, LogType="Tail")

    request_id = response["ResponseMetadata"]["RequestId"]
    tail = base64.b64decode(response["LogResult"]).decode()
    number = r"\d+\.\d\d"
    assert re.fullmatch(
        rf"START RequestId: {request_id} Version: \$LATEST\n"
        r"printed\n"
        rf"\[WARNING\]\t\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z\t{request_id}\tlogged\n"
        r"to stderr\n"
        r"no newline\n"
        rf"END RequestId: {request_id}\n"
        rf"REPORT RequestId: {request_id}\tDuration: {number} ms\tBilled Duration: \d+ ms\t"
        rf"Memory Size: 128 MB\tMax Memory Used: \d+ MB\t(Init Duration: {number} ms\t)?\n",
        tail,
    )
    wait_until(lambda: tail in service.log, "the tail in the log")


def test_log_tail_is_last_four_kilobytes(service: LambdaService) -> None:
    response = invoke_code(service, "for i in range(1000): print('line', i)", LogType="Tail")

    tail = base64.b64decode(response["LogResult"])
    assert len(tail) == 4096
    assert b"line 998\nline 999\nEND RequestId: " in tail
    assert tail.endswith(b" MB\t\n")


def test_log_tail_of_failure_has_traceback(service: LambdaService) -> None:
    response = invoke_code(service, "raise ValueError('wrong')", LogType="Tail")

    tail = base64.b64decode(response["LogResult"]).decode()
    assert "[ERROR] ValueError: wrong\nTraceback (most recent call last):\n" in tail
    assert tail.index("[ERROR]") < tail.index("END RequestId")


def test_client_context_reaches_handler(service: LambdaService) -> None:
    context = {"client": {"app_title": "app"}, "custom": {"key": "välue"}, "env": {"a": "b"}}
    code = """
client_context = context.client_context
reply = [client_context.client.app_title, client_context.custom, client_context.env]
"""
    encoded = base64.b64encode(json.dumps(context).encode()).decode()

    response = invoke_code(service, code, ClientContext=encoded)

    assert json.loads(response["Payload"].read()) == ["app", {"key": "välue"}, {"a": "b"}]


def test_client_context_not_sent_is_none(service: LambdaService) -> None:
    assert service.run("reply = context.client_context is None") is True


def encoded_context(size: int) -> str:
    return base64.b64encode(b'{"custom": {}}'.ljust(size // 4 * 3)).decode()


def test_client_context_of_maximum_size_is_accepted(service: LambdaService) -> None:
    headers = {"X-Amz-Client-Context": encoded_context(3580)}

    assert service.invoke({"code": "reply = 1"}, headers).body == b"1"


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (encoded_context(3584), "Client context must be no more than 3583 bytes."),
        ("{}", "Client context must be a valid Base64-encoded JSON object."),
        ("bm9wZQ==", "Client context must be a valid Base64-encoded JSON object."),
        ("W10=", "Client context must be a valid Base64-encoded JSON object."),
    ],
)
def test_client_context_invalid_is_rejected(
    service: LambdaService, context: str, message: str
) -> None:
    response = service.invoke({}, {"X-Amz-Client-Context": context})

    assert error_of(response) == (400, "InvalidRequestContentException", message)


def test_client_context_of_async_invocation_is_none(service: LambdaService) -> None:
    code = "print('the context of the event is', context.client_context)"

    encoded = encoded_context(100)
    invoke_code(service, code, ClientContext=encoded, InvocationType="Event")

    service.wait_for_line("the context of the event is None")


@pytest.mark.parametrize(
    ("parameter", "member", "values"),
    [
        ("InvocationType", "invocationType", "RequestResponse, Event, DryRun"),
        ("LogType", "logType", "None, Tail"),
    ],
)
def test_enum_header_invalid_value_is_rejected(
    service: LambdaService, parameter: str, member: str, values: str
) -> None:
    assert rejection(service, **{"FunctionName": "function", parameter: "Whatever"}) == (
        400,
        "ValidationException",
        (
            f"1 validation error detected: Value 'Whatever' at '{member}'"
            f" failed to satisfy constraint: Member must satisfy enum value set: [{values}]"
        ),
    )


def test_response_has_aws_headers(service: LambdaService) -> None:
    response = service.invoke({"code": "import os; reply = os.environ['_X_AMZN_TRACE_ID']"})

    assert response.headers["x-amzn-trace-id"] == response.json()
    assert re.fullmatch(
        r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01];Lineage=[0-9a-f]+:1",
        response.json(),
    )
    assert re.fullmatch(r"[0-9a-f-]{36}", response.headers["x-amzn-requestid"])
    assert response.headers["x-amz-executed-version"] == "$LATEST"


@pytest.mark.parametrize("path", [INVOKE, "/"])
def test_trace_id_of_client_is_continued(service: LambdaService, path: str) -> None:
    began = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    code = "import os; print('trace', os.environ['_X_AMZN_TRACE_ID'])"
    body = json.dumps({"code": code}).encode()

    response = service.request("POST", path, body, {"X-Amzn-Trace-Id": began})

    assert response.headers["x-amzn-trace-id"].partition(";Lineage=")[0] == began


def test_error_has_request_id_and_code_hash(service: LambdaService) -> None:
    response = service.request("POST", INVOKE, b"nope")

    assert re.fullmatch(r"[0-9a-f-]{36}", response.headers["x-amzn-requestid"])
    code = service.admin("/ready").json()["code_sha256"]
    assert response.headers["x-lambda-live-code-sha256"] == code


def test_connection_is_reused_for_many_invocations(service: LambdaService) -> None:
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.url).netloc, timeout=60)
    connection.connect()
    socket_of_the_first = connection.sock
    for number in range(20):
        connection.request("POST", INVOKE, json.dumps({"code": f"reply = {number}"}))
        assert connection.getresponse().read() == str(number).encode()

    assert connection.sock is socket_of_the_first
    connection.close()


@pytest.mark.parametrize("sent", ["half", "whole"])
def test_client_disconnect_does_not_affect_service(service: LambdaService, sent: str) -> None:
    body = json.dumps({"code": "print('the caller has left')"}).encode()
    length = len(body) if sent == "whole" else len(body) + 1
    url = urllib.parse.urlsplit(service.url)
    with socket.create_connection((url.hostname, url.port)) as connection:
        head = f"POST {INVOKE} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode() + body)

    assert service.run("reply = 1") == 1
