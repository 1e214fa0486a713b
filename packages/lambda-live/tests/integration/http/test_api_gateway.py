"""The REST and HTTP APIs of a template, on the function's port."""

import base64
import json
import shlex
import subprocess
from typing import Any
from urllib.parse import quote

import pytest

from support.http import HttpResponse, request
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

TEMPLATE = """
Globals: {Function: {Runtime: python3.12, CodeUri: code}}
Resources:
  Binary:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Variables: {color: green}
      BinaryMediaTypes: [image~1png]
  Staged: {Type: AWS::Serverless::HttpApi, Properties: {StageName: live}}
  Defined:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      DefinitionBody:
        x-amazon-apigateway-binary-media-types: [image/png]
        x-amazon-apigateway-gateway-responses: {DEFAULT_4XX: {statusCode: 418}}
        paths:
          /defined:
            get: &proxy
              x-amazon-apigateway-integration:
                type: aws_proxy
                httpMethod: POST
                uri: !Sub arn:aws:apigateway:x:lambda:path/x/functions/${Work.Arn}/invocations
            options:
              x-amazon-apigateway-integration:
                type: mock
                responses:
                  default:
                    statusCode: 200
                    responseParameters:
                      method.response.header.Access-Control-Allow-Origin: "'https://a.example'"
                      method.response.header.Access-Control-Allow-Headers: "'X-A,X-B'"
          /mocked: {get: {x-amazon-apigateway-integration: {type: mock}}}
  Crossing:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody:
        x-amazon-apigateway-cors: {allowOrigins: [https://a.example], exposeHeaders: [x-e]}
        paths: {/crossing: {get: *proxy}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.work
      Events:
        Items: {Type: Api, Properties: {Path: "/items/{id}", Method: get}}
        AnyItem: {Type: Api, Properties: {Path: "/items/{id}", Method: ANY}}
        Special: {Type: Api, Properties: {Path: /items/special, Method: get}}
        Rest: {Type: Api, Properties: {Path: "/rest/{proxy+}", Method: any}}
        Image: {Type: Api, Properties: {Path: /image, Method: any, RestApiId: !Ref Binary}}
        Order: {Type: HttpApi, Properties: {Path: "/orders/{id}", Method: post}}
        Live: {Type: HttpApi, Properties: {Path: /live, Method: post, ApiId: !Ref Staged}}
        New: {Type: HttpApi, Properties: {Path: /new, Method: get}}
        Old:
          Type: HttpApi
          Properties: {Path: /old, Method: get, PayloadFormatVersion: "1.0"}
        Queue: {Type: MQ, Properties: {Broker: !Ref Broker, Queues: [work]}}
  Other:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.other
      Events:
        Below: {Type: HttpApi, Properties: {Path: "/orders/{proxy+}", Method: any}}
"""
APP = """
import json

def work(event, context):
    if "response" in (event.get("queryStringParameters") or {}):
        return json.loads(event["queryStringParameters"]["response"])
    return {"statusCode": 200, "body": json.dumps(event)}

def other(event, context):
    return {"other": event["routeKey"]}
"""


@pytest.fixture(scope="module")
def apis(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": APP}, handler=None)


@pytest.mark.parametrize(
    ("method", "path", "without"),
    [("GET", "/Prod/items/a%2Fb", "/items/a%2Fb"), ("POST", "/live/live?q=1", "/live?q=1")],
)
def test_path_with_its_stage_is_the_same_request_as_without(
    apis: LambdaService, method: str, path: str, without: str
) -> None:
    events = [apis.request(method, each).json() for each in (path, without)]

    for event in events:
        identifiers = [
            name for name in event["requestContext"] if "equest" in name or name == "time"
        ]
        for name in (*identifiers, "timeEpoch"):
            event["requestContext"].pop(name, None)
        del event["headers"]
        event.pop("multiValueHeaders", None)
    assert events[0] == events[1]
    assert apis.request(method, f"/other{without}").status == 403


def respond_with(
    service: LambdaService, response: Any, path: str = "/items/1", **headers: str
) -> HttpResponse:
    """Send a request for which the function returns `response`."""
    text = quote(json.dumps(response))
    return service.request("GET", f"{path}?response={text}", headers=headers)


def test_rest_api_event_has_payload_format_1(apis: LambdaService) -> None:
    headers = {"Host": "example.localhost:3001", "User-Agent": "test", "X-Two": "a"}
    headers |= {"TE": "trailers", "Max-Forwards": "1", "Content-MD5": "x"}
    event = apis.request("POST", "/items/a%2Fb?q=1&q=2&e=", b"{}", headers=headers).json()

    context = event.pop("requestContext")
    many = event.pop("multiValueHeaders")
    own = {"Host": headers["Host"], "X-Two": "a"}
    assert event["headers"].items() >= own.items()
    dropped = {"TE", "Max-Forwards", "Content-MD5", "Content-Length"}
    assert not dropped & {*event.pop("headers"), *many}
    assert many["User-Agent"] == ["test"]
    assert event == {
        "resource": "/items/{id}",
        "path": "/items/a%2Fb",
        "httpMethod": "POST",
        "queryStringParameters": {"q": "2", "e": ""},
        "multiValueQueryStringParameters": {"q": ["1", "2"], "e": [""]},
        "pathParameters": {"id": "a%2Fb"},
        "stageVariables": None,
        "body": "{}",
        "isBase64Encoded": False,
    }
    assert context["identity"].pop("sourceIp") == "127.0.0.1"
    assert context["identity"].pop("userAgent") == "test"
    assert set(context.pop("identity").values()) == {None}
    assert {name: context[name] for name in context if "equest" not in name} == {
        "accountId": "123456789012",
        "apiId": "ServerlessRestApi",
        "deploymentId": "local",
        "domainName": headers["Host"],
        "domainPrefix": "example",
        "httpMethod": "POST",
        "path": "/Prod/items/a%2Fb",
        "protocol": "HTTP/1.1",
        "resourceId": "/items/{id}",
        "resourcePath": "/items/{id}",
        "stage": "Prod",
    }


# The names that AWS writes itself, and the path parameters, are recorded in LocalStack's
# snapshots of AWS: tests/aws/services/apigateway/test_apigateway_lambda.snapshot.json.
@pytest.mark.parametrize(
    ("method", "path", "length"), [("POST", "/items/1", None), ("GET", "/old", "1")]
)
def test_payload_format_1_header_names_are_as_sent(
    apis: LambdaService, method: str, path: str, length: str | None
) -> None:
    own = {"X-GitHub-Event": "push", "headerVar": "1", "x_snake": "2", "content-type": "text/plain"}
    event = apis.request(method, path, b"x", own | {"aUTHORIZATION": "t", "user-agent": "u"}).json()

    assert event["headers"].items() >= (own | {"Authorization": "t", "User-Agent": "u"}).items()
    assert event["multiValueHeaders"]["headerVar"] == ["1"]
    assert event["headers"].get("Content-Length") == length


def test_payload_format_2_header_names_are_lower_case(apis: LambdaService) -> None:
    headers = apis.request("POST", "/orders/1", b"x", {"X-GitHub-Event": "push"}).json()["headers"]

    assert (headers["x-github-event"], headers["content-length"]) == ("push", "1")


@pytest.mark.parametrize("path", ["/items/1", "/old", "/orders/a"])
def test_event_source_address_is_the_peer(apis: LambdaService, path: str) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7", "x-forwarded-proto": "https"}
    method = "POST" if path == "/orders/a" else "GET"
    event = apis.request(method, path, headers=forwarded).json()

    context = event["requestContext"]
    headers = {name.lower(): value for name, value in event["headers"].items()}
    assert headers["x-forwarded-for"] == "203.0.113.7, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert (context.get("identity") or context["http"])["sourceIp"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("sent", "path", "parameters"),
    [
        ("//items/1", "/items/1", {"id": "1"}),
        ("///rest/a", "/rest/a", {"proxy": "a"}),
        ("/rest/a/", "/rest/a/", {"proxy": "a"}),
        ("/rest/a//b", "/rest/a//b", {"proxy": "a//b"}),
    ],
)
def test_rest_api_path_ignores_leading_slashes(
    apis: LambdaService, sent: str, path: str, parameters: dict[str, str]
) -> None:
    event = apis.request("GET", sent).json()

    assert (event["path"], event["pathParameters"]) == (path, parameters)
    assert event["requestContext"]["path"] == f"/Prod{sent}"


def test_rest_api_event_missing_body_and_query_are_null(apis: LambdaService) -> None:
    event = apis.request("GET", "/items/special").json()

    none = {"body", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters"}
    assert {name for name in none if event[name] is None} == none
    assert event["resource"] == "/items/special"


def test_http_api_event_has_payload_format_2(apis: LambdaService) -> None:
    event = apis.request("POST", "/orders/a%20b?q=1&q=2", b"x", {"Content-Type": "a/b"}).json()

    context = event["requestContext"]
    assert (event["version"], event["routeKey"]) == ("2.0", "POST /orders/{id}")
    assert (event["rawPath"], event["pathParameters"]) == ("/orders/a b", {"id": "a b"})
    assert event["queryStringParameters"] == {"q": "1,2"}
    assert (event["body"], event["isBase64Encoded"]) == ("eA==", True)
    assert (context["apiId"], context["accountId"]) == ("ServerlessHttpApi", "123456789012")
    assert (context["routeKey"], context["stage"]) == ("POST /orders/{id}", "$default")


def test_http_api_event_payload_format_1_is_supported(apis: LambdaService) -> None:
    event = apis.request("GET", "/old", b"x", {"Content-Type": "a/b"}).json()

    assert (event["version"], event["resource"]) == ("1.0", "/old")
    assert (event["body"], event["isBase64Encoded"]) == ("eA==", True)
    assert event["requestContext"]["stage"] == "$default"


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/items/special", "/items/special"),
        ("GET", "/items/special/", "/items/special"),
        ("GET", "/items/1", "/items/{id}"),
        ("PATCH", "/items/1", "/items/{id}"),
        ("GET", "/rest/a/b", "/rest/{proxy+}"),
    ],
)
def test_routes_most_specific_match_wins(
    apis: LambdaService, method: str, path: str, route: str
) -> None:
    assert apis.request(method, path).json()["resource"] == route


def test_route_of_each_function_invokes_it(apis: LambdaService) -> None:
    assert apis.request("GET", "/orders/1").json() == {"other": "ANY /orders/{proxy+}"}
    assert apis.request("POST", "/orders/1/2").json() == {"other": "ANY /orders/{proxy+}"}


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/items/special", 403, "Missing Authentication Token"),
        ("POST", "/old", 404, "Not Found"),
    ],
)
def test_route_unknown_method_returns_aws_error(
    apis: LambdaService, method: str, path: str, status: int, message: str
) -> None:
    response = apis.request(method, path)

    assert (response.status, response.json()) == (status, {"message": message})


def test_function_url_host_takes_precedence_over_routes(apis: LambdaService) -> None:
    named = apis.request("GET", "/items/1", headers={"Host": "other.localhost"})

    assert named.json() == {"other": "$default"}
    assert apis.request("GET", "/nowhere", headers={"Host": "none.localhost"}).status == 404


def test_rest_api_response_multi_value_headers_are_merged(apis: LambdaService) -> None:
    response = respond_with(
        apis,
        {
            "statusCode": "201",
            "headers": {"X-One": 1, "Set-Cookie": "a=1"},
            "multiValueHeaders": {"set-cookie": ["a=1", "b=2"]},
            "body": "made",
        },
    )

    assert (response.status, response.body) == (201, b"made")
    assert (response.headers["x-one"], response.headers["set-cookie"]) == ("1", "a=1\nb=2")


@pytest.mark.parametrize(
    "response",
    [
        "text",
        None,
        [],
        {"statusCode": "many"},
        {"statusCode": 200, "body": {}},
        {"statusCode": 200, "unknown": 1},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"errorMessage": "failed"},
    ],
)
def test_rest_api_malformed_response_returns_502(apis: LambdaService, response: Any) -> None:
    got = respond_with(apis, response)

    assert (got.status, got.json()) == (502, {"message": "Internal server error"})
    apis.wait_for_line("The API returned 502: ")


@pytest.mark.parametrize(
    ("response", "path", "reason"),
    [
        ({"statusCode": 200, "multiValueHeaders": {"a": "b"}}, "/old", "a must be a list, got str"),
        ({"headers": {"a": "b"}}, "/old", "no statusCode"),
        ({}, "/old", "no statusCode"),
        (None, "/old", "a NoneType, not an object"),
        ({"statusCode": 200, "body": {}}, "/old", "body must be a string, got dict"),
        ({"errorMessage": "failed"}, "/new", "errorMessage without statusCode"),
        ({"statusCode": 200, "body": {}}, "/new", "body must be a string, got dict"),
    ],
)
def test_http_api_malformed_response_returns_500_and_reason(
    apis: LambdaService, response: Any, path: str, reason: str
) -> None:
    seen = len(apis.lines)
    got = respond_with(apis, response, path)

    assert (got.status, got.json()) == (500, {"message": "Internal Server Error"})
    wait_until(lambda: any(reason in line for line in apis.lines[seen:]))


def test_http_api_response_accepts_what_rest_api_rejects(apis: LambdaService) -> None:
    unknown = respond_with(apis, {"statusCode": 201, "unknown": 1, "body": "a"}, "/old")
    bare = respond_with(apis, {"error": "none"}, "/new")
    error = respond_with(apis, {"statusCode": 400, "errorMessage": "mine", "body": "b"}, "/new")

    assert (unknown.status, unknown.body) == (201, b"a")
    assert (bare.status, bare.json()) == (200, {"error": "none"})
    assert (error.status, error.body) == (400, b"b")
    assert respond_with(apis, {"headers": {"a": "b"}}).status == 200


def signature(response: HttpResponse) -> dict[str, str]:
    """Return the headers with ids and types that AWS adds to responses."""
    own = ("x-amz", "apigw-")
    return {name: value for name, value in response.headers.items() if name.startswith(own)}


def test_http_api_response_has_request_id_only(apis: LambdaService) -> None:
    response = apis.request("POST", "/orders/1")
    rejected = apis.request("POST", "/old")
    failed = respond_with(apis, {"statusCode": 200, "body": {}}, "/old")

    assert signature(response) == {
        "apigw-requestid": response.json()["requestContext"]["requestId"]
    }
    assert [*signature(rejected)] == [*signature(failed)] == ["apigw-requestid"]


def test_rest_api_response_has_request_ids_and_trace_id(
    apis: LambdaService,
) -> None:
    response = apis.request("GET", "/items/1")

    event = response.json()
    found = signature(response)
    trace = found.pop("x-amzn-trace-id")
    assert trace.partition(";Lineage=")[0] == event["headers"]["X-Amzn-Trace-Id"]
    assert found == {
        "x-amzn-requestid": event["requestContext"]["requestId"],
        "x-amz-apigw-id": event["requestContext"]["extendedRequestId"],
    }


def test_rest_api_error_has_type_and_no_trace_id(apis: LambdaService) -> None:
    rejected = apis.request("POST", "/items/special")
    failed = respond_with(apis, "no response")

    names = {"x-amzn-requestid", "x-amz-apigw-id", "x-amzn-errortype"}
    assert signature(rejected).keys() == signature(failed).keys() == names
    assert rejected.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
    assert failed.headers["x-amzn-errortype"] == "InternalServerErrorException"


def test_rest_api_response_reserved_headers_are_remapped(apis: LambdaService) -> None:
    own = {"Date": "then", "server": "mine", "WWW-Authenticate": "Basic", "Content-Length": "9"}
    dropped = {"Via": "1.1 me", "Upgrade": "h2c", "Transfer-Encoding": "chunked"}
    response = {"statusCode": 401, "headers": own | dropped | {"ETag": "1"}, "body": "four"}

    rest, http = (respond_with(apis, response, path) for path in ("/items/1", "/old"))

    assert rest.body == http.body == b"four"
    assert rest.headers["etag"] == "1"
    for name, value in own.items():
        assert rest.headers[f"x-amzn-remapped-{name.lower()}"] == value
    assert not {"server", "www-authenticate", *map(str.lower, dropped)} & set(rest.headers)
    assert http.headers["www-authenticate"] == "Basic"
    assert not [name for name in http.headers if "remapped" in name]


@pytest.mark.parametrize(("path", "status"), [("/old", 500), ("/items/1", 502)])
def test_api_error_in_browser_shows_reason(apis: LambdaService, path: str, status: int) -> None:
    got = respond_with(apis, {"statusCode": "many"}, path, Accept="text/html,*/*;q=0.8")

    text = got.body.decode()
    assert (got.status, got.headers["content-type"]) == (status, "text/html; charset=utf-8")
    reason = "statusCode must be an integer from 200 to 599, got &#x27;many&#x27;"
    assert f"<h1>The API returned {status}: {reason}</h1>" in text
    assert f"Other clients get AWS's {status} response." in text


def test_binary_media_types_are_encoded_and_decoded(apis: LambdaService) -> None:
    png = {"Content-Type": "image/png"}
    event = apis.request("POST", "/image", b"\xff", png).json()
    text = apis.request("POST", "/image", b"text", {"Content-Type": "text/plain"}).json()
    image = {"statusCode": 200, "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True}

    assert (event["body"], event["isBase64Encoded"]) == ("/w==", True)
    assert event["stageVariables"] == {"color": "green"}
    assert event["requestContext"]["path"] == "/live/image"
    assert (text["body"], text["isBase64Encoded"]) == ("text", False)
    assert respond_with(apis, image, "/image", Accept="image/png, */*").body == b"\xff"
    assert respond_with(apis, image, "/image", Accept="*/*").body == b"/w=="


@pytest.mark.parametrize("path", ["/orders/a%20b?q=1", "/live", "/work?$default"])
def test_curl_command_of_request_repeats_it(apis: LambdaService, path: str) -> None:
    host = {"Host": "work.localhost"} if path.startswith("/work") else {}
    sent = apis.request("POST", path, b"x", {"Content-Type": "text/plain", **host}).json()
    newest = request(apis.admin_url, "GET", "/api/rows").json()[0]
    curl = request(apis.admin_url, "GET", f"/api/rows/{newest['id']}/snippets").json()["curl"]

    done = subprocess.run([*shlex.split(curl), "--silent"], capture_output=True, check=True)

    again = json.loads(done.stdout)
    same = ("routeKey", "rawPath", "rawQueryString", "pathParameters", "body")
    assert [again.get(name) for name in same] == [sent.get(name) for name in same]


def test_unsupported_event_source_is_reported_once(apis: LambdaService) -> None:
    notices = [line for line in apis.lines if "MQ trigger Queue isn't emulated" in line]

    assert len(notices) == 1
    assert "invoke Work with a sample event" in notices[0]


def test_binary_types_of_a_definition_decode_the_response(apis: LambdaService) -> None:
    image = {"statusCode": 200, "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True}

    assert respond_with(apis, image, "/defined", Accept="image/png").body == b"\xff"


def test_cors_of_definitions_allows_their_origins_only(apis: LambdaService) -> None:
    origin = {"Origin": "https://a.example"}
    preflight = apis.request("OPTIONS", "/defined", headers=origin)
    crossing = apis.request("GET", "/crossing", headers=origin)

    assert preflight.headers["access-control-allow-origin"] == "https://a.example"
    assert preflight.headers["access-control-allow-headers"] == "X-A,X-B"
    assert apis.request("GET", "/defined", headers=origin).status == 200
    assert apis.request("GET", "/defined", headers={"Origin": "https://b.example"}).status == 403
    assert crossing.headers["access-control-allow-origin"] == "https://a.example"
    assert crossing.headers["access-control-expose-headers"] == "x-e"


def test_unsupported_parts_of_a_definition_are_reported(apis: LambdaService) -> None:
    text = "\n".join(apis.lines)

    assert "GET /mocked is not served: it is a mock; only functions are called here" in text
    assert "x-amazon-apigateway-gateway-responses has no effect: gateway responses" in text
    assert "OPTIONS /defined is not served" not in text


def test_path_without_route_returns_aws_error_of_the_api(apis: LambdaService) -> None:
    response = apis.request("GET", "/nowhere")

    assert (response.status, response.json()) == (403, {"message": "Missing Authentication Token"})


def test_single_function_serves_paths_without_route_if_it_has_a_url(
    start_service: StartService,
) -> None:
    template = TEMPLATE.partition("  Other:")[0]
    url = template + "      FunctionUrlConfig: {AuthType: NONE}\n"
    service = start_service({"template.yaml": template, "code/app.py": APP}, handler=None)

    assert service.request("GET", "/items/1").json()["resource"] == "/items/{id}"
    body = json.dumps({"function": "Work", "request": "POST /orders/1"}).encode()
    json_type = {"Content-Type": "application/json"}
    shown = request(service.admin_url, "POST", "/api/request", body, json_type).json()
    assert json.loads(shown["row"]["event"]["text"])["routeKey"] == "POST /orders/{id}"
    assert [name for name, _ in shown["response"]["headers"] if name.startswith("Apigw")] == []
    assert service.request("GET", "/nowhere").status == 403
    named = service.request("GET", "/nowhere", headers={"Host": "work.localhost"})
    assert named.json()["routeKey"] == "$default"
    (service.project / "template.yaml").write_text(url)
    wait_until(lambda: service.request("GET", "/nowhere").status == 200)
    assert service.request("GET", "/nowhere").json()["routeKey"] == "$default"
