"""Authorizers of SAM, REST and HTTP APIs."""

from pathlib import Path

import pytest

from lambda_live.model.template import Authorizer, Route
from lambda_live.project.template.reader import read_template

FUNCTIONS = """
Resources:
  Work:
    Type: AWS::Lambda::Function
    Properties: {Code: ., Handler: app.handler, Runtime: python3.12}
  Decider:
    Type: AWS::Lambda::Function
    Properties: {Code: ., Handler: app.handler, Runtime: python3.12, FunctionName: decides}
"""
REST = """
  Items:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: items}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref Items
      HttpMethod: GET
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Authorizer
      Integration: {Type: AWS_PROXY, Uri: !Sub "arn:aws:apigateway:${Work.Arn}/invocations"}
  Authorizer:
    Type: AWS::ApiGateway::Authorizer
    Properties: {RestApiId: !Ref Api, AuthorizerUri: !Sub "arn:${Decider.Arn}/invocations", MORE}
"""
HTTP = """
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationUri: !GetAtt Work.Arn, PayloadFormatVersion: "2.0"}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: GET /items
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Authorizer
      Target: !Join ["/", [integrations, !Ref Integration]]
  Authorizer:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties: {ApiId: !Ref Api, AuthorizerUri: !Sub "arn:${Decider.Arn}/invocations", MORE}
"""
SAM = """
Globals: {Function: {CodeUri: ., Handler: app.handler, Runtime: python3.12}}
Resources:
  Decider: {Type: AWS::Serverless::Function}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Auth:
        DefaultAuthorizer: Pool
        Authorizers:
          Pool: {UserPoolArn: "arn:aws:cognito-idp:us-east-1:123456789012:userpool/one"}
          Asked:
            FunctionArn: !GetAtt Decider.Arn
            FunctionPayloadType: REQUEST
            Identity:
              Headers: [X-One]
              QueryStrings: [two]
              StageVariables: [three]
              Context: [four]
              ReauthorizeEvery: 30
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Get: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /items, Method: get}}
"""


def authorizer(folder: Path, text: str) -> Authorizer | None:
    return only_route(folder, text).authorizer


def only_route(folder: Path, text: str) -> Route:
    """Return the authorizer of the route to `Work`."""
    (folder / "app.py").touch()
    path = folder / "template.yaml"
    path.write_text(text, encoding="utf-8")
    (work,) = (each for each in read_template(path, {}).functions if each.name == "Work")
    (route,) = work.routes
    return route


IDENTITY = ("header.X-One", "querystring.two", "stageVariables.three", "context.four")
BY_HEADER = """Type: TOKEN, IdentitySource: method.request.header.X-Token,
      IdentityValidationExpression: "[a-z]+", AuthorizerResultTtlInSeconds: 0"""
BY_REQUEST = """Type: REQUEST, IdentitySource: "method.request.header.X-One,
      method.request.querystring.two, stageVariables.three, context.four\""""
OF_HTTP_API = """AuthorizerType: REQUEST, AuthorizerPayloadFormatVersion: "2.0",
      EnableSimpleResponses: true,
      IdentitySource: [$request.header.X-One, $request.querystring.two, $context.stage]"""


def test_token_authorizer_of_a_method_is_read(
    tmp_path: Path,
) -> None:
    found = authorizer(tmp_path, FUNCTIONS + REST.replace("MORE", BY_HEADER))

    assert found == Authorizer(
        "Authorizer",
        "TOKEN",
        "decides",
        identity=("header.X-Token",),
        validation="[a-z]+",
        is_cached=False,
    )


def test_request_authorizer_of_a_method_is_read(
    tmp_path: Path,
) -> None:
    found = authorizer(tmp_path, FUNCTIONS + REST.replace("MORE", BY_REQUEST))

    assert found == Authorizer("Authorizer", "REQUEST", "decides", identity=IDENTITY)


def test_authorizer_of_an_http_api_route_is_read(
    tmp_path: Path,
) -> None:
    found = authorizer(tmp_path, FUNCTIONS + HTTP.replace("MORE", OF_HTTP_API))

    assert found == Authorizer(
        "Authorizer",
        "REQUEST",
        "decides",
        identity=("header.X-One", "querystring.two", "context.stage"),
        payload_format="2.0",
        has_simple_response=True,
    )


@pytest.mark.parametrize("api", [REST, HTTP])
def test_authorizer_has_the_scopes_of_its_route(tmp_path: Path, api: str) -> None:
    scoped = api.replace("AuthorizerId:", "AuthorizationScopes: [a, b]\n      AuthorizerId:")

    found = authorizer(
        tmp_path, FUNCTIONS + scoped.replace("MORE", "IdentitySource: $request.header.X-One")
    )
    assert found is not None
    assert found.scopes == ("a", "b")


@pytest.mark.parametrize("api", [REST, HTTP])
def test_route_with_an_unknown_authorizer_has_one(tmp_path: Path, api: str) -> None:
    unknown = api.replace("AuthorizerId: !Ref Authorizer", "AuthorizerId: abc123")

    found = authorizer(tmp_path, FUNCTIONS + unknown.replace(", MORE", ""))
    assert found == Authorizer("CUSTOM", "REQUEST")


@pytest.mark.parametrize(
    "written", ["!Sub '${Authorizer}'", "!GetAtt Authorizer.AuthorizerId", "${Authorizer}"]
)
def test_authorizer_function_is_found_by_any_reference(tmp_path: Path, written: str) -> None:
    pointed = REST.replace("MORE", BY_HEADER).replace("AuthorizerId: !Ref Authorizer", "")

    found = authorizer(
        tmp_path, FUNCTIONS + pointed.replace("CUSTOM", f"CUSTOM\n      AuthorizerId: {written}")
    )

    assert found is not None
    assert found.function == "decides"


@pytest.mark.parametrize("api", [REST, HTTP])
def test_iam_authorization_is_read(tmp_path: Path, api: str) -> None:
    guarded = api.replace("AuthorizationType: CUSTOM", "AuthorizationType: AWS_IAM").replace(
        ", MORE", ""
    )

    assert authorizer(tmp_path, FUNCTIONS + guarded) == Authorizer("AWS_IAM", "AWS_IAM")


POOL = Authorizer(
    "Pool",
    "COGNITO_USER_POOLS",
    identity=("header.Authorization",),
    issuers=("https://cognito-idp.us-east-1.amazonaws.com/one",),
)


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("", POOL),
        (", Auth: {Authorizer: NONE}", None),
        (", Auth: {Authorizer: AWS_IAM}", Authorizer("AWS_IAM", "AWS_IAM")),
        (
            ", Auth: {Authorizer: Asked}",
            Authorizer("Asked", "REQUEST", "Decider", identity=IDENTITY),
        ),
    ],
)
def test_sam_event_uses_its_own_or_the_default_authorizer(
    tmp_path: Path, auth: str, expected: Authorizer | None
) -> None:
    event = SAM.replace("Method: get}", f"Method: get{auth}}}")

    assert authorizer(tmp_path, event) == expected


def test_preflight_can_skip_the_default_authorizer(
    tmp_path: Path,
) -> None:
    says_no = SAM.replace("Auth:", "Auth:\n        AddDefaultAuthorizerToCorsPreflight: false")

    assert only_route(tmp_path, SAM).preflight_authorizer == POOL
    route = only_route(tmp_path, says_no)
    assert (route.authorizer, route.preflight_authorizer) == (POOL, None)


def test_issuer_that_is_known_after_deployment_accepts_any(tmp_path: Path) -> None:
    pool = SAM.replace('"arn:aws:cognito-idp:us-east-1:123456789012:userpool/one"', "!Ref Arn")
    unknown = f"Parameters: {{Arn: {{Type: String}}}}\n{pool}"

    found = authorizer(tmp_path, unknown)

    assert found is not None
    assert found.issuers == ()
