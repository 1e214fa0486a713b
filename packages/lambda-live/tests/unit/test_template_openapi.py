"""Routes and authorizers of OpenAPI definitions."""

from pathlib import Path

import pytest

from lambda_live.model.template import Authorizer
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template
from support.project import write_project

DEFINED = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: ., Handler: app.handler, Runtime: python3.12, FunctionName: work}}
  Ask:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: ., Handler: app.handler, Runtime: python3.12, FunctionName: ask}}
  Api:
    Type: {api}
    Properties:
      {body}:
        {schemes}:
          Token:
            type: apiKey
            name: X-Token
            in: header
            x-amazon-apigateway-authtype: custom
            x-amazon-apigateway-authorizer:
              type: token
              authorizerUri: !Sub "arn:aws:apigateway:x:path/${{Ask.Arn}}/invocations"
              identityValidationExpression: {pattern}
              authorizerResultTtlInSeconds: 0
          Request:
            type: apiKey
            x-amazon-apigateway-authorizer:
              type: request
              authorizerUri: !GetAtt Ask.Arn
              identitySource: $request.header.X-A, $request.querystring.b
              authorizerPayloadFormatVersion: "2.0"
              enableSimpleResponses: true
          Jwt: {{type: oauth2, x-amazon-apigateway-authorizer: {{type: jwt}}}}
          Signed: {{type: apiKey, x-amazon-apigateway-authtype: awsSigv4}}
          Key: {{type: apiKey, name: x-api-key, in: header}}
        {general}
        paths:
          /a:
            get:
              {own}
              x-amazon-apigateway-integration: {{uri: !GetAtt Work.Arn}}
"""
TOKEN = Authorizer(
    "Token", "TOKEN", "ask", identity=("header.X-Token",), validation="a+", is_cached=False
)
REQUEST = Authorizer(
    "Request",
    "REQUEST",
    "ask",
    identity=("header.X-A", "querystring.b"),
    payload_format="2.0",
    has_simple_response=True,
)


def authorizer(folder: Path, own: str = "", general: str = "", **api: str) -> Authorizer | None:
    (folder / "app.py").touch()
    written = {
        "api": "AWS::Serverless::Api",
        "body": "DefinitionBody",
        "schemes": "securityDefinitions",
        "pattern": "a+",
        **api,
    }
    path = folder / "template.yaml"
    path.write_text(DEFINED.format(own=own, general=general, **written), encoding="utf-8")
    template = read_template(path, {})
    if template.skipped and template.skipped[0].error:
        raise template.skipped[0].error
    work, _ = template.functions
    (route,) = work.routes
    return route.authorizer


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("security: [{Token: []}]", TOKEN),
        ("security: [{Key: [], Token: []}]", TOKEN),
        ("security: [{Request: []}]", REQUEST),
        ("security: [{Jwt: []}]", Authorizer("Jwt", "JWT")),
        ("security: [{Jwt: [a, b]}]", Authorizer("Jwt", "JWT", scopes=("a", "b"))),
        ("security: [{Signed: []}]", Authorizer("Signed", "AWS_IAM")),
        ("x-amazon-apigateway-auth: {type: AWS_IAM}", Authorizer("AWS_IAM", "AWS_IAM")),
        ("security: [{Key: []}]", None),
        ("", None),
    ],
)
def test_authorizer_of_an_operation_is_read(
    tmp_path: Path, own: str, expected: Authorizer | None
) -> None:
    found = authorizer(tmp_path, own, api="AWS::ApiGateway::RestApi", body="Body")

    assert found == expected


def test_schemes_of_openapi_3_are_read(tmp_path: Path) -> None:
    api = {"api": "AWS::ApiGatewayV2::Api", "body": "Body"}
    schemes = "components:\n         securitySchemes"

    assert authorizer(tmp_path, "security: [{Request: []}]", schemes=schemes, **api) == REQUEST


def test_operation_overrides_the_security_of_the_definition(
    tmp_path: Path,
) -> None:
    general = "security: [{Token: []}]"

    assert authorizer(tmp_path, general=general) == TOKEN
    assert authorizer(tmp_path, own="security: []", general=general) is None


def test_default_authorizer_of_sam_applies_without_security(tmp_path: Path) -> None:
    auth = "Auth: {DefaultAuthorizer: AWS_IAM}\n      DefinitionBody"

    assert authorizer(tmp_path, body=auth) == Authorizer("AWS_IAM", "AWS_IAM")


def test_invalid_pattern_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"identityValidationExpression '\(' is not a valid"):
        authorizer(tmp_path, "security: [{Token: []}]", pattern='"("')


WITHOUT = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: app.handler, Runtime: python3.12}
  Rest:
    Type: AWS::ApiGateway::RestApi
    Properties:
      Body:
        paths:
          /a:
            get: {x-amazon-apigateway-integraton: {uri: !GetAtt Work.Arn}}
            post: {x-amazon-apigateway-auth: {type: NONE}}
  Sam:
    Type: AWS::Serverless::Api
    Properties: {StageName: a, DefinitionBody: {paths: {/b: {get: {responses: {}}}}}}
"""


def test_operation_without_integration_is_reported(tmp_path: Path) -> None:
    write_project(tmp_path, {"template.yaml": WITHOUT, "app.py": ""})

    place, extension = f"{tmp_path}/template.yaml", "x-amazon-apigateway-integration"
    misspelt = "x-amazon-apigateway-integraton; did you mean"
    assert read_template(tmp_path / "template.yaml", {}).notices == (
        f"{place}:12: unknown property {misspelt} {extension}?",
        f"{place}:13: POST /a is not served: it has no integration; add {extension}",
    )


QUICK = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: app.handler, Runtime: python3.12}
  Alias:
    Type: AWS::Lambda::Alias
    Properties: {Name: live, FunctionName: !Ref Work, FunctionVersion: "1"}
  Any: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP, Target: !Ref Alias}}
  One:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: HTTP, RouteKey: GET /one, Target: !GetAtt Work.Arn}
  Far:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: HTTP, Target: "https://far.example"}
"""


def test_target_of_an_http_api_is_its_route(tmp_path: Path) -> None:
    write_project(tmp_path, {"template.yaml": QUICK, "app.py": ""})

    template = read_template(tmp_path / "template.yaml", {})

    routes = template.functions[0].routes
    assert [(each.method, each.path, each.qualifier, each.payload_format) for each in routes] == [
        ("ANY", "$default", "live", "2.0"),
        ("GET", "/one", None, "2.0"),
    ]
    (notice,) = template.notices
    assert "template.yaml:15: the route to its Target is not served: it leads to https" in notice
