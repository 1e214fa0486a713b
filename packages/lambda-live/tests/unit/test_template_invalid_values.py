"""Invalid values in a template are refused when it is read, not when a client calls."""

from pathlib import Path

import pytest

from lambda_live.model.template import Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template
from support.documents import template_error
from support.project import write_project

SAM = """
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: Prod
      Auth:
        Authorizers:
          Ask:
            FunctionArn: !GetAtt Work.Arn
            Identity: {Header: X-Token, ValidationExpression: "^a+$", ReauthorizeEvery: 60}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: work
      CodeUri: .
      Handler: app.handler
      Runtime: python3.12
      MemorySize: 256
      Timeout: 5
      Architectures: [arm64]
      LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: DEBUG, SystemLogLevel: WARN}
      Environment: {Variables: {NAME: value}}
      Events:
        One:
          Type: Api
          Properties: {RestApiId: !Ref Api, Path: "/a/{b}", Method: get, Auth: {Authorizer: Ask}}
        Two:
          Type: HttpApi
          Properties: {Path: "/c/{d+}", Method: ANY}
"""
VALIDATED = "RequestModel: {ValidateParameters: true}, RequestParameters: "
CLOUDFORMATION = """
Resources:
  Work:
    Type: AWS::Lambda::Function
    Properties: {Code: ., Handler: app.handler, Runtime: python3.12}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationUri: !GetAtt Work.Arn}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: "GET /a", Target: !Ref Integration}
  Ask:
    Type: AWS::ApiGateway::Authorizer
    Properties:
      Type: TOKEN
      AuthorizerUri: !GetAtt Work.Arn
      IdentitySource: method.request.header.Authorization
      IdentityValidationExpression: a+
      AuthorizerResultTtlInSeconds: 300
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      HttpMethod: GET
      AuthorizerId: !Ref Ask
      Integration: {Uri: !GetAtt Work.Arn}
  Defined:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody:
        paths:
          /defined/{path}:
            get: {x-amazon-apigateway-integration: {uri: !GetAtt Work.Arn}}
"""


def template(folder: Path, text: str) -> Template:
    (folder / "app.py").touch()
    path = folder / "template.yaml"
    path.write_text(text, encoding="utf-8")
    return read_template(path, {})


@pytest.mark.parametrize("text", [SAM, CLOUDFORMATION])
def test_valid_template_has_no_notices(tmp_path: Path, text: str) -> None:
    assert template(tmp_path, text).notices == ()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("^a+$", "(", "ValidationExpression '(' is not a valid regular expression"),
        ("ReauthorizeEvery: 60", "ReauthorizeEvery: soon", "invalid ReauthorizeEvery 'soon'; use"),
        ("{Authorizer: Ask}", "{Authorizer: Aks}", "the API has no authorizer 'Aks'; add it"),
        (
            "        Authorizers:",
            "        DefaultAuthorizer: Other\n        Authorizers:",
            "'Other'",
        ),
        ("FunctionName: work", "FunctionName: my work", "invalid FunctionName 'my work'; use"),
        ("MemorySize: 256", "MemorySize: 64", "use a whole number of MB from 128 to 10240"),
        ("Timeout: 5", "Timeout: --5", "invalid Timeout '--5'; use a whole number of seconds"),
        ("Timeout: 5", f"Timeout: {'9' * 5000}", "a whole number of seconds from 1 to 900"),
        ("[arm64]", "[arm65]", "invalid architecture 'arm65'; use [x86_64] or [arm64]"),
        ("Timeout: 5", "Layers: common", "Layers must be a list; write"),
        ("Level: DEBUG", "Level: LOUD", "invalid ApplicationLogLevel 'LOUD'; use TRACE or DEBUG"),
        ("Level: WARN", "Level: FATAL", "invalid SystemLogLevel 'FATAL'; use DEBUG or INFO"),
        ("{NAME: value}", "{A=B: value}", "invalid environment variable name 'A=B'; use"),
        (
            "{NAME: value}",
            "{AWS_REGION: here}",
            "AWS_REGION is a reserved Lambda variable;",
        ),
        ("{NAME: value}", '{NAME: "a\\0b"}', "a value contains a NUL character"),
        ('"/a/{b}"', "a/b", "invalid path 'a/b'; use /orders/{id}"),
        ('"/a/{b}"', '"/a/{b"', "invalid path '/a/{b'"),
        ('"/a/{b}"', '"/{b+}/a"', "invalid path '/{b+}/a'"),
        ('"/a/{b}"', '"/{b}/{b}"', "duplicate variable in the path '/{b}/{b}'; rename one"),
        ("CodeUri: .", f"CodeUri: {'a' * 5000}", "; name the folder of the code"),
        ("Handler: app.", f"Handler: {'a' * 5000}.", "the handler 'aaa"),
        ("Method: get", "Method: fetch", "invalid method 'fetch'; use ANY or one of"),
        ("Prod\n", "Prod\n      Cors: [a]\n", "Cors must be text"),
        ("Method: get,", f"Method: get, {VALIDATED}a,", "RequestParameters must be a list"),
        ("Method: get,", f"Method: get, {VALIDATED}[{{a: b}}],", "a in RequestParameters must be"),
        ("Prod\n", "Prod\n      Cors: {AllowCredentials: tru}\n", "invalid AllowCredentials 'tru'"),
        ("[arm64]", "[{a: b}]", "Architectures must be a list of texts"),
        (
            "AWS::Serverless::Function\n",
            "AWS::Serverless::Function\n    Condition: [a]\n",
            "Condition must be a name",
        ),
        (
            "Type: HttpApi",
            "Type: HTTPAPI",
            "invalid event type HTTPAPI; write Type: HttpApi",
        ),
    ],
)
def test_invalid_sam_value_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    check_refusal(tmp_path, SAM, old, new, why)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            "Expression: a+",
            'Expression: "["',
            "IdentityValidationExpression '[' is not a valid",
        ),
        ("Type: TOKEN", "Type: TOKEM", "invalid Type 'TOKEM'; use TOKEN or REQUEST"),
        (
            "IdentitySource: method",
            "IdentitySource: mehtod",
            "invalid identity source 'mehtod.",
        ),
        ("      IdentitySource: method.request.header.Authorization\n", "", "no IdentitySource"),
        ("InSeconds: 300", "InSeconds: 3601", "a whole number of seconds from 0 to 3600"),
        ("HttpMethod: GET", "HttpMethod: GOT", "invalid method 'GOT'"),
        ("GET /a", "GET a", "invalid path 'a'"),
        ("GET /a", "GOT /a", "invalid method 'GOT'"),
        ("/defined/{path}", "/defined/{}", "invalid path '/defined/{}'"),
        (
            "      DefinitionBody:",
            "      CorsConfiguration: all\n      DefinitionBody:",
            "invalid CorsConfiguration 'all'; use true or false",
        ),
        ("get: {x-", "get: {security: text, x-", "security must be a list"),
        ("get: {x-", "get: {security: [text], x-", "security must contain mappings"),
        (
            "HttpMethod: GET",
            "HttpMethod: GET\n      ApiKeyRequired: 1",
            "invalid ApiKeyRequired '1'",
        ),
        (
            "Handler: app.",
            "Description: !Select [-1, [a]], Handler: app.",
            "Fn::Select has invalid",
        ),
    ],
)
def test_invalid_cloudformation_value_is_refused_with_its_line(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    check_refusal(tmp_path, CLOUDFORMATION, old, new, why)


def check_refusal(folder: Path, text: str, old: str, new: str, why: str) -> None:
    assert text.count(old) == 1
    write_project(folder, {"app.py": "", "template.yaml": text.replace(old, new)})
    error = template_error(folder / "template.yaml")

    assert why in str(error)
    assert error.line is not None
    where = text[: text.index(old)].count("\n") + 1
    assert where - 6 <= error.line <= where + 1


AGAIN = """
        Three:
          Type: HttpApi
          Properties: {Path: "/c/{d+}", Method: any}
"""


def test_duplicate_route_of_two_events_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"duplicate route ANY /c/\{d\+\} of ServerlessHttpApi"):
        template(tmp_path, SAM.rstrip() + AGAIN)


def test_event_may_repeat_a_route_of_its_api_definition(tmp_path: Path) -> None:
    defined = """
  Defined:
    Type: AWS::Serverless::HttpApi
    Properties: {DefinitionBody: {paths: {}}}
"""
    named = (SAM.rstrip() + AGAIN).replace("{Path: ", "{ApiId: !Ref Defined, Path: ")

    assert len(template(tmp_path, named + defined).functions[0].routes) == 3


@pytest.mark.parametrize(
    ("cors", "problem"),
    [
        ("'*'", """AWS rejects Cors * without single quotes; write Cors: "'*'\""""),
        (
            "{AllowOrigin: \"'*'\", MaxAge: 60}",
            """AWS rejects MaxAge 60 without single quotes; write MaxAge: "'60'\"""",
        ),
    ],
)
def test_cors_without_single_quotes_is_reported(tmp_path: Path, cors: str, problem: str) -> None:
    found = template(tmp_path, SAM.replace("Prod\n", f"Prod\n      Cors: {cors}\n"))

    assert found.notices == (f"{tmp_path}/template.yaml:7: {problem}",)


@pytest.mark.parametrize(
    ("overrides", "notices"),
    [
        ({"Stage": "prod"}, []),
        ({"Stage": "live"}, ["3: AWS rejects live as the parameter Stage; AllowedValues has dev,"]),
        ({"Stag": "prod"}, ["3: there is no parameter Stag; did you mean Stage?"]),
    ],
)
def test_parameter_that_aws_rejects_is_reported(
    tmp_path: Path, overrides: dict[str, str], notices: list[str]
) -> None:
    (tmp_path / "app.py").touch()
    path = tmp_path / "template.yaml"
    parameter = "\nParameters:\n  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}"
    text = SAM.replace("FunctionName: work", "Description: !Ref Stage")
    path.write_text(parameter + text, encoding="utf-8")

    found = read_template(path, overrides).notices

    assert len(found) == len(notices)
    assert all(map(str.startswith, found, [f"{path}:{each}" for each in notices]))


@pytest.mark.parametrize(
    ("line", "notices"),
    [
        ("Timout: 5", ["{}:20: unknown property Timout; did you mean Timeout?"]),
        ("Policies: []", []),
    ],
)
def test_misspelled_property_is_reported(tmp_path: Path, line: str, notices: list[str]) -> None:
    found = template(tmp_path, SAM.replace("Timeout: 5", line)).notices

    assert list(found) == [each.format(tmp_path / "template.yaml") for each in notices]


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ("{ParentId: !Ref Part, PathPart: a}", "recursion"),
        ("{ParentId: !GetAtt Api.RootResourceId}", "Part has no PathPart; add it"),
    ],
)
def test_invalid_resource_of_an_api_is_refused(tmp_path: Path, properties: str, why: str) -> None:
    part = f"  Part: {{Type: AWS::ApiGateway::Resource, Properties: {properties}}}\n"
    text = CLOUDFORMATION.replace("HttpMethod: GET", "HttpMethod: GET\n      ResourceId: !Ref Part")

    (skipped,) = template(tmp_path, text + part).skipped

    assert (skipped.logical_id, why in skipped.reason) == ("Get", True)
