"""CORS, authorizers, timeouts and size limits of a template's APIs."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from support.http import HttpResponse, request
from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

SHOP, OTHER = "https://shop.example", "https://other.example"
ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/one"
TEMPLATE = f"""
Globals: {{Function: {{Runtime: python3.12, CodeUri: code, Timeout: 60}}}}
Resources:
  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: ["{SHOP}", "http://*"]
        AllowMethods: [GET, POST]
        AllowHeaders: [x-one]
        ExposeHeaders: [x-two]
        MaxAge: 60
      Auth:
        Authorizers:
          Simple:
            FunctionArn: !GetAtt Decider.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            Identity: {{Headers: [X-Key], QueryStrings: [say]}}
          Policy:
            FunctionArn: !GetAtt Decider.Arn
            AuthorizerPayloadFormatVersion: "1.0"
            Identity: {{QueryStrings: [say]}}
          Outside:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {{issuer: "{ISSUER}", audience: [a, b]}}
          Query:
            IdentitySource: $request.querystring.token
            JwtConfiguration: {{issuer: "{ISSUER}", audience: [a, b]}}
  Whole:
    Type: AWS::Serverless::HttpApi
    Properties: {{StageVariables: {{color: red}}}}
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Variables: {{color: blue}}
      Cors: {{AllowOrigin: "'{SHOP}'", AllowHeaders: "'x-one,x-two'", MaxAge: "'5'"}}
      Auth:
        Authorizers:
          Token:
            FunctionArn: !GetAtt Decider.Arn
            Identity: {{Header: X-Token, ValidationExpression: "[^ ]+"}}
          Request:
            FunctionPayloadType: REQUEST
            FunctionArn: !GetAtt Decider.Arn
            Identity: {{QueryStrings: [say], ReauthorizeEvery: 0}}
          Sources:
            FunctionPayloadType: REQUEST
            FunctionArn: !GetAtt Decider.Arn
            Identity: {{StageVariables: [color], Context: [stage, identity.sourceIp]}}
          Pool: {{UserPoolArn: "arn:aws:cognito-idp:us-east-1:123456789012:userpool/one"}}
          OtherHeader:
            UserPoolArn: "arn:aws:cognito-idp:us-east-1:123456789012:userpool/one"
            Identity: {{Header: X-Token}}
          Missing:
            FunctionPayloadType: REQUEST
            FunctionArn: !GetAtt Decider.Arn
            Identity: {{QueryStrings: [say], Context: [identity.caller]}}
  Guarded:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Cors: "'{SHOP}'"
      Auth:
        DefaultAuthorizer: Token
        Authorizers: {{Token: {{FunctionArn: !GetAtt Decider.Arn}}}}
  Signed:
    Type: AWS::Serverless::Function
    Properties: {{Handler: app.work, FunctionUrlConfig: {{AuthType: AWS_IAM}}}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Handler: app.work
      Events:
        Open: {{Type: HttpApi, Properties: {{ApiId: !Ref Http, Path: /open, Method: get}}}}
        Fallback: {{Type: HttpApi, Properties: {{ApiId: !Ref Whole}}}}
        Late:
          Type: HttpApi
          Properties: {{ApiId: !Ref Http, Path: /late, Method: get, TimeoutInMillis: 50}}
        Simple:
          Type: HttpApi
          Properties: {{ApiId: !Ref Http, Path: /simple, Method: get, Auth: {{Authorizer: Simple}}}}
        Policy:
          Type: HttpApi
          Properties: {{ApiId: !Ref Http, Path: /policy, Method: get, Auth: {{Authorizer: Policy}}}}
        Outside:
          Type: HttpApi
          Properties:
            {{ApiId: !Ref Http, Path: /outside, Method: get, Auth: {{Authorizer: Outside}}}}
        Query:
          Type: HttpApi
          Properties:
            ApiId: !Ref Http
            Path: /query
            Method: get
            PayloadFormatVersion: "1.0"
            Auth: {{Authorizer: Query}}
        Signed:
          Type: HttpApi
          Properties:
            {{ApiId: !Ref Http, Path: /signed, Method: get, Auth: {{Authorizer: AWS_IAM}}}}
        Pool:
          Type: Api
          Properties: {{RestApiId: !Ref Rest, Path: /pool, Method: get, Auth: {{Authorizer: Pool}}}}
        Scoped:
          Type: HttpApi
          Properties:
            ApiId: !Ref Http
            Path: /scoped
            Method: get
            Auth: {{Authorizer: Outside, AuthorizationScopes: [orders/read, orders/write]}}
        ScopedPool:
          Type: Api
          Properties:
            RestApiId: !Ref Rest
            Path: /scoped-pool
            Method: get
            Auth: {{Authorizer: Pool, AuthorizationScopes: [orders/read]}}
        OtherHeader:
          Type: Api
          Properties:
            RestApiId: !Ref Rest
            Path: /other-header
            Method: get
            Auth: {{Authorizer: OtherHeader}}
        RestSigned:
          Type: Api
          Properties:
            {{RestApiId: !Ref Rest, Path: /rest-signed, Method: get, Auth: {{Authorizer: AWS_IAM}}}}
        Sources:
          Type: Api
          Properties:
            {{RestApiId: !Ref Rest, Path: /sources, Method: get, Auth: {{Authorizer: Sources}}}}
        Missing:
          Type: Api
          Properties:
            {{RestApiId: !Ref Rest, Path: /missing, Method: get, Auth: {{Authorizer: Missing}}}}
        RestOpen: {{Type: Api, Properties: {{RestApiId: !Ref Rest, Path: /rest, Method: get}}}}
        Guarded: {{Type: Api, Properties: {{RestApiId: !Ref Guarded, Path: /guarded, Method: get}}}}
        RestAny: {{Type: Api, Properties: {{RestApiId: !Ref Rest, Path: /any, Method: any}}}}
        RestLate:
          Type: Api
          Properties: {{RestApiId: !Ref Rest, Path: /rest-late, Method: get, TimeoutInMillis: 50}}
        Token:
          Type: Api
          Properties:
            RestApiId: !Ref Rest
            Path: "/token/{{id}}"
            Method: get
            Auth: {{Authorizer: Token}}
        Request:
          Type: Api
          Properties:
            {{RestApiId: !Ref Rest, Path: /request, Method: get, Auth: {{Authorizer: Request}}}}
  Decider: {{Type: AWS::Serverless::Function, Properties: {{Handler: app.decide}}}}
"""
APP = """
import json, pathlib, time

def work(event, context):
    if event.get("rawPath", event.get("path")).endswith("late"):
        while not pathlib.Path("../go").exists():
            time.sleep(0.01)
        print("ended after all")
    headers = {"Access-Control-Allow-Origin": "mine"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(event)}

def decide(event, context):
    if event["type"] == "TOKEN":
        said = event["authorizationToken"]
    else:
        said = (event.get("queryStringParameters") or {}).get("say", "nothing")
    if said == "fail":
        raise Exception("Unauthorized")
    if said == "crash":
        raise ValueError(said)
    if said == "nothing":
        return None
    if said == "slow":
        while not pathlib.Path("../go").exists():
            time.sleep(0.01)
    statement = {
        "Action": "execute-api:*",
        "Effect": "Deny" if said == "no" else "Allow",
        "Resource": "arn:aws:execute-api:*/" + ("elsewhere" if said == "other" else "*"),
    }
    statements = json.loads(said) if said.startswith("[") else [statement]
    return {
        "isAuthorized": said == "yes",
        "principalId": "me",
        "policyDocument": {"Version": "2012-10-17", "Statement": statements},
        "context": {"number": 1, "received": json.dumps(event)},
    }
"""


@pytest.fixture(scope="module")
def apis(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": APP}, handler=None)


def shared(response: HttpResponse) -> dict[str, str]:
    prefix = "access-control-"
    headers = response.headers.items()
    return {name[len(prefix) :]: value for name, value in headers if name.startswith(prefix)}


def preflight(service: LambdaService, path: str, origin: str = SHOP) -> HttpResponse:
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    return service.request("OPTIONS", path, headers=headers)


def test_http_api_preflight_does_not_invoke_the_function(apis: LambdaService) -> None:
    response = preflight(apis, "/open")

    assert (response.status, response.body) == (204, b"")
    assert shared(response) == {
        "allow-origin": SHOP,
        "allow-methods": "GET,POST",
        "allow-headers": "x-one",
        "max-age": "60",
    }
    assert shared(preflight(apis, "/open", "http://localhost:5173"))["allow-origin"] == (
        "http://localhost:5173"
    )


def test_http_api_response_has_configured_cors_headers(apis: LambdaService) -> None:
    known = apis.request("GET", "/open", headers={"Origin": SHOP})

    assert shared(known) == {"allow-origin": SHOP, "expose-headers": "x-two"}
    assert shared(apis.request("GET", "/open")) == {}
    assert apis.request("GET", "/open", headers={"Origin": OTHER}).status == 403


def test_default_route_event_has_stage_variables(apis: LambdaService) -> None:
    event = apis.request("PUT", "/what/ever?a=1").json()

    assert (event["routeKey"], event["rawPath"]) == ("$default", "/what/ever")
    assert event["stageVariables"] == {"color": "red"}
    assert "pathParameters" not in event


def test_rest_api_preflight_is_like_sam_options_method(apis: LambdaService) -> None:
    response = preflight(apis, "/rest")

    assert (response.status, response.json()) == (200, {})
    assert shared(response) == {
        "allow-origin": SHOP,
        "allow-methods": "GET,OPTIONS",
        "allow-headers": "x-one,x-two",
        "max-age": "5",
    }
    every = shared(preflight(apis, "/any"))["allow-methods"]
    assert every == "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"


def test_rest_api_preflight_default_authorizer_is_invoked(
    apis: LambdaService,
) -> None:
    rejected = preflight(apis, "/guarded")
    headers = {"Access-Control-Request-Method": "GET", "Authorization": "yes", "Origin": SHOP}
    allowed = apis.request("OPTIONS", "/guarded", headers=headers)

    assert (rejected.status, rejected.json()) == (401, {"message": "Unauthorized"})
    assert shared(allowed)["allow-origin"] == SHOP


def test_rest_api_curl_command_invokes_function_with_event(apis: LambdaService) -> None:
    apis.request("GET", "/rest?n=1")

    row = request(apis.admin_url, "GET", "/api/rows").json()[0]
    curl = request(apis.admin_url, "GET", f"/api/rows/{row['id']}/snippets").json()["curl"]
    assert row["label"] == "GET /rest"
    assert "--data-binary" in curl
    assert curl.endswith("/functions/Work/invocations")


def test_rest_api_response_keeps_cors_headers_of_function(apis: LambdaService) -> None:
    response = apis.request("GET", "/rest", headers={"Origin": SHOP})

    assert shared(response) == {"allow-origin": "mine"}


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [("/late", 503, "Service Unavailable"), ("/rest-late", 504, "Endpoint request timed out")],
)
def test_api_timeout_returns_error_and_function_keeps_running(
    apis: LambdaService, path: str, status: int, message: str
) -> None:
    count = apis.log.count("ended after all")

    response = apis.request("GET", path)

    assert (response.status, response.json()) == (status, {"message": message})
    apis.wait_for_line(f"GET {path} exceeded the API's 0.05 s timeout; the function keeps running")
    go = apis.project / "go"
    go.touch()
    apis.wait_for_line("ended after all", count + 1)
    go.unlink()


def context_of(response: HttpResponse) -> dict[str, Any]:
    context: dict[str, Any] = response.json()["requestContext"]["authorizer"]
    return context


def test_token_authorizer_context_is_in_event(apis: LambdaService) -> None:
    response = apis.request("GET", "/token/1", headers={"X-Token": "yes"})

    context = context_of(response)
    assert json.loads(context.pop("received")) == {
        "type": "TOKEN",
        "authorizationToken": "yes",
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:Rest/live/GET/token/1",
    }
    assert isinstance(context.pop("integrationLatency"), int)
    assert context == {"principalId": "me", "number": "1"}


def test_request_authorizer_event_has_no_body(apis: LambdaService) -> None:
    received = json.loads(context_of(apis.request("GET", "/request?say=yes"))["received"])

    assert received["type"] == "REQUEST"
    assert received["methodArn"].endswith(":Rest/live/GET/request")
    assert received["queryStringParameters"] == {"say": "yes"}
    assert received["requestContext"]["stage"] == "live"
    assert "body" not in received


def test_request_authorizer_stage_and_context_identity_is_sent(
    apis: LambdaService,
) -> None:
    received = json.loads(context_of(apis.request("GET", "/sources?say=yes"))["received"])

    assert received["stageVariables"] == {"color": "blue"}
    assert received["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"


def test_http_api_authorizer_simple_response_is_supported(apis: LambdaService) -> None:
    context = context_of(apis.request("GET", "/simple?say=yes", headers={"X-Key": "k"}))["lambda"]

    received = json.loads(context.pop("received"))
    assert context == {"number": 1}
    assert (received["version"], received["type"]) == ("2.0", "REQUEST")
    assert received["routeArn"] == (
        "arn:aws:execute-api:us-east-1:123456789012:Http/$default/GET/simple"
    )
    assert (received["identitySource"], received["routeKey"]) == (["k", "yes"], "GET /simple")


def test_http_api_authorizer_policy_response_is_supported(apis: LambdaService) -> None:
    received = json.loads(context_of(apis.request("GET", "/policy?say=yes"))["lambda"]["received"])

    assert (received["version"], received["identitySource"]) == ("1.0", "yes")


EXPLICIT = "User is not authorized to access this resource with an explicit deny"
IMPLICIT = "User is not authorized to access this resource"


@pytest.mark.parametrize(
    ("path", "headers", "status", "body"),
    [
        ("/token/1", {}, 401, {"message": "Unauthorized"}),
        ("/token/1", {"X-Token": "a b"}, 401, {"message": "Unauthorized"}),
        ("/token/1", {"X-Token": "fail"}, 401, {"message": "Unauthorized"}),
        ("/token/1", {"X-Token": "no"}, 403, {"Message": EXPLICIT}),
        ("/token/1", {"X-Token": "other"}, 403, {"Message": IMPLICIT}),
        ("/token/1", {"X-Token": "nothing"}, 500, {"message": None}),
        ("/request", {}, 500, {"message": None}),
        ("/request?say=crash", {}, 500, {"message": None}),
        ("/missing?say=yes", {}, 401, {"message": "Unauthorized"}),
        ("/simple?say=yes", {}, 401, {"message": "Unauthorized"}),
        ("/simple?say=no", {"X-Key": "k"}, 403, {"message": "Forbidden"}),
        ("/policy?say=no", {}, 403, {"message": "Forbidden"}),
        ("/policy?say=nothing", {}, 500, {"message": "Internal Server Error"}),
    ],
)
def test_authorizer_denial_returns_aws_error(
    apis: LambdaService, path: str, headers: dict[str, str], status: int, body: object
) -> None:
    response = apis.request("GET", path, headers=headers)

    assert (response.status, response.json()) == (status, body)
    if status == 500:
        invalid = "returned an invalid response: no policyDocument"
        reason = "failed with ValueError" if "crash" in path else invalid
        apis.wait_for_line(f" {reason}")


ALLOW = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
ELSEWHERE = "arn:aws:execute-api:*:*:Rest/live/POST/*"


@pytest.mark.parametrize(
    ("statements", "status"),
    [
        ([ALLOW, {"Effect": "Deny", "Action": "*", "NotResource": ELSEWHERE}], 403),
        ([ALLOW, {"Effect": "Deny", "Action": "*", "NotResource": ["*/GET/request", "b"]}], 200),
        (
            [
                ALLOW,
                {"Effect": "Deny", "NotAction": "execute-api:ManageConnections", "Resource": "*"},
            ],
            403,
        ),
        ([ALLOW, {"Effect": "Deny", "NotAction": ["EXECUTE-API:INVOKE"], "Resource": "*"}], 200),
        ([{"Effect": "Allow", "NotAction": "s3:*", "NotResource": ELSEWHERE}], 200),
        ([{"Effect": "Allow", "NotAction": "execute-api:*", "Resource": "*"}], 403),
        ([{"Effect": "allow", "Action": "*", "Resource": "*"}], 500),
        ([ALLOW, {"Effect": "Deny", "Resource": "*"}], 500),
        ([ALLOW, {"Effect": "Deny", "Action": "*", "Resource": "a", "NotResource": "b"}], 500),
    ],
)
def test_authorizer_policy_is_evaluated(
    apis: LambdaService, statements: list[Any], status: int
) -> None:
    response = apis.request("GET", f"/request?say={quote(json.dumps(statements))}")

    assert response.status == status


def test_authorizer_policy_condition_is_reported_once(apis: LambdaService) -> None:
    condition = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    said = quote(json.dumps([ALLOW | {"Condition": condition}]))

    assert [apis.request("GET", f"/request?say={said}").status for _ in range(2)] == [200, 200]
    notice = "authorizer Request returned a policy with a Condition, which is not evaluated"
    apis.wait_for_line(notice)
    assert sum(notice in line for line in apis.lines) == 1


def test_throttled_invocations_return_500(start_service: StartService) -> None:
    files = {"template.yaml": TEMPLATE, "code/app.py": APP}
    service = start_service(files, "--concurrency=1", "--queue=0", handler=None)
    with ThreadPoolExecutor() as threads:
        slow = [
            threads.submit(service.request, "GET", path) for path in ("/late", "/request?say=slow")
        ]
        wait_until(lambda: service.metric("lambda_concurrent_executions") == len(slow))
        rest, http = (service.request("GET", path) for path in ("/rest", "/open"))
        authorizers = [service.request("GET", f"/{path}?say=yes") for path in ("request", "policy")]
        (service.project / "go").touch()

    assert (rest.status, rest.json()) == (500, {"message": "Internal server error"})
    assert (http.status, http.json()) == (500, {"message": "Internal Server Error"})
    service.wait_for_line("The API returned 500: the function was throttled (429)")
    assert [each.status for each in authorizers] == [500, 500]
    assert authorizers[0].json() == {"message": None}
    assert authorizers[1].json() == {"message": "Internal Server Error"}
    service.wait_for_line("authorizer Request was throttled")


CLAIMS = {
    "sub": "42",
    "exp": 4_102_444_800,
    "auth_time": 1_618_234_176,
    "email_verified": True,
    "cognito:groups": ["admins", "users"],
}


VALID = {"iss": ISSUER, "aud": "a"}
PAST, FUTURE, MISSING = time.time() - 10, time.time() + 3600, "missing"


def token(claims: object) -> str:
    """Return a JSON Web Token with an invalid signature, and a valid issuer and audience."""
    if isinstance(claims, dict):
        claims = {"exp": FUTURE, **VALID, **claims}
        claims = {name: value for name, value in claims.items() if value != MISSING}
    parts = ({"alg": "RS256"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in parts]
    return b".".join([*encoded, b"signature"]).decode()


def test_jwt_authorizer_claims_are_in_event(apis: LambdaService) -> None:
    expected = {
        "claims": {
            "sub": "42",
            "exp": "4102444800",
            "auth_time": "1618234176",
            "email_verified": "true",
            "cognito:groups": "[admins users]",
            **VALID,
        },
        "scopes": None,
    }
    for value in (token(CLAIMS), f"Bearer {token(CLAIMS)}"):
        response = apis.request("GET", "/outside", headers={"Authorization": value})
        assert context_of(response) == {"jwt": expected}
    assert context_of(apis.request("GET", f"/query?token={token(CLAIMS)}")) == expected


@pytest.mark.parametrize(
    ("path", "name"), [("/pool", "Authorization"), ("/other-header", "X-Token")]
)
def test_cognito_authorizer_claims_are_in_event(apis: LambdaService, path: str, name: str) -> None:
    response = apis.request("GET", path, headers={name: token(CLAIMS)})

    assert context_of(response) == {
        "claims": {
            "sub": "42",
            "exp": "Fri Jan 01 00:00:00 UTC 2100",
            "auth_time": "1618234176",
            "email_verified": "true",
            "cognito:groups": "admins,users",
            **VALID,
        }
    }


@pytest.mark.parametrize(
    "value", ["", "x", "Bearer x.y.z", "a..b", f"x{token([])}", token({}).partition(".")[0]]
)
@pytest.mark.parametrize("path", ["/outside", "/pool"])
def test_request_without_token_is_rejected(apis: LambdaService, path: str, value: str) -> None:
    response = apis.request("GET", path, headers={"Authorization": value} if value else {})

    assert (response.status, response.json()) == (401, {"message": "Unauthorized"})
    apis.wait_for_line("returned 401: ")


@pytest.mark.parametrize("path", ["/scoped", "/scoped-pool"])
def test_token_needs_one_of_the_scopes(apis: LambdaService, path: str) -> None:
    for claims in ({}, {"scope": "email orders"}, {"scp": ["email"]}):
        response = apis.request(
            "GET", path, headers={"Authorization": token({"sub": "1"} | claims)}
        )
        assert (response.status, response.json()) == (403, {"message": "Forbidden"})

    valid = {"Authorization": token({"scope": "email orders/read"})}
    context = context_of(apis.request("GET", path, headers=valid))
    if path == "/scoped":
        assert context["jwt"]["scopes"] == ["orders/read"]
    listed = {"Authorization": token({"scp": ["orders/read"]})}
    assert apis.request("GET", path, headers=listed).status == 200
    apis.wait_for_line("returned 403: the token has no scope orders/read")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": PAST}, "the token has expired"),
        ({"exp": MISSING}, "the token has no expiration time (exp)"),
        ({"exp": "never"}, "a time of the token is not a number"),
        ({"nbf": FUTURE}, "the token is not valid yet"),
        ({"iat": FUTURE}, "the token is not valid yet"),
        ({"iss": "https://issuer.example"}, "the token does not have a valid issuer"),
        ({"aud": "c"}, "the token does not have a valid audience"),
        ({"aud": ["c", "d"], "client_id": "a"}, "the token does not have a valid audience"),
        ({"aud": None, "client_id": "a"}, "the token does not have a valid audience"),
    ],
)
def test_token_with_an_invalid_claim_is_rejected(
    apis: LambdaService, claims: dict[str, Any], reason: str
) -> None:
    headers = {"Authorization": token(claims)}
    jwt = apis.request("GET", "/outside", headers=headers)
    pool = apis.request("GET", "/pool", headers=headers)

    assert (jwt.status, jwt.json()) == (401, {"message": "Unauthorized"})
    assert jwt.headers["www-authenticate"] == (
        f'Bearer scope="" error="invalid_token" error_description="{reason}"'
    )
    apis.wait_for_line(f"authorizer Outside returned 401: {reason} in header.Authorization; send")
    expired = "The incoming token has expired" if reason.endswith("expired") else "Unauthorized"
    if "aud" in claims:
        assert pool.status == 200  # a user pool's audience is not compared
    else:
        assert (pool.status, pool.json()) == (401, {"message": expired})


def test_token_of_a_client_and_of_several_audiences_is_accepted(apis: LambdaService) -> None:
    for claims in ({"aud": ["c", "b"]}, {"exp": FUTURE, "nbf": PAST, "iat": PAST}):
        response = apis.request("GET", "/outside", headers={"Authorization": token(claims)})
        assert response.status == 200

    access = {"Authorization": token({"token_use": "access"})}
    assert apis.request("GET", "/pool", headers=access).status == 401


SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261130/us-east-1/execute-api/aws4_request,"
    " SignedHeaders=host, Signature=00"
)
IAM = {
    "accessKey": "AKIAEXAMPLE",
    "accountId": "123456789012",
    "userArn": "arn:aws:iam::123456789012:user/local",
}


def test_iam_authorizer_user_is_in_event(apis: LambdaService) -> None:
    signed = {"Authorization": SIGNATURE}
    identity = apis.request("GET", "/rest-signed", headers=signed).json()["requestContext"]
    http = context_of(apis.request("GET", "/signed", headers=signed))
    url = apis.request("GET", "/", headers=signed | {"Host": "signed.localhost"})
    unsigned = apis.request("GET", "/rest-signed").json()["requestContext"]["identity"]

    user = {"caller": "AIDALOCAL", "user": "AIDALOCAL"}
    assert identity["identity"].items() >= (IAM | user).items()
    ids = {"callerId": "AIDALOCAL", "userId": "AIDALOCAL"}
    none = {"cognitoIdentity": None, "principalOrgId": None}
    assert http == context_of(url) == {"iam": IAM | ids | none}
    assert url.json()["requestContext"]["accountId"] == "123456789012"
    assert (unsigned["userArn"], unsigned["accessKey"]) == (IAM["userArn"], None)


def test_unverified_authorizers_are_reported_once(apis: LambdaService) -> None:
    for notice in (
        "authorizer Outside (JWT) of Work is not verified: the signature of a token is not checked",
        "authorizer Pool (COGNITO_USER_POOLS) of Work is not verified: the signature of a token",
        "authorizer AWS_IAM (AWS_IAM) of Work is not verified: every request passes",
        "authorizer AWS_IAM (function URL) of Signed is not verified: every request passes",
    ):
        assert sum(notice in line for line in apis.lines) == 1, notice


def test_claims_and_user_are_settable(start_service: StartService) -> None:
    role = "arn:aws:sts::210987654321:assumed-role/Reader/me"
    claims = '{"sub": "7", "email": "a@b"}'
    files = {"template.yaml": TEMPLATE, "code/app.py": APP}
    service = start_service(files, f"--user-arn={role}", LAMBDA_LIVE_CLAIMS=claims, handler=None)

    without = context_of(service.request("GET", "/pool"))
    own = context_of(
        service.request("GET", "/pool", headers={"Authorization": token(CLAIMS | {"sub": "1"})})
    )
    iam = context_of(service.request("GET", "/signed"))["iam"]

    assert without == {"claims": {"sub": "7", "email": "a@b"}}
    assert own["claims"].items() > (VALID | {"sub": "1", "email": "a@b"}).items()
    assert (iam["userArn"], iam["accountId"]) == (role, "210987654321")
    assert iam["callerId"] == "AROALOCAL:me"


def test_rest_api_too_large_request_is_rejected(
    apis: LambdaService,
) -> None:
    response = apis.request("POST", "/any", b"x" * (6 * 2**20 + 1))

    assert (response.status, response.json()) == (413, {"message": "Request Too Long"})
