"""What a template says that nobody could do is told when it is read, and not to who asks."""

from pathlib import Path

import pytest

from lambda_live.model.template import Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template

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
def test_what_makes_sense_is_read(tmp_path: Path, text: str) -> None:
    assert template(tmp_path, text).notices == ()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("^a+$", "(", "ValidationExpression '(' is no regular expression"),
        ("ReauthorizeEvery: 60", "ReauthorizeEvery: soon", "ReauthorizeEvery is 'soon'; write"),
        ("{Authorizer: Ask}", "{Authorizer: Aks}", "the API has no authorizer 'Aks'; write it"),
        (
            "        Authorizers:",
            "        DefaultAuthorizer: Other\n        Authorizers:",
            "'Other'",
        ),
        ("FunctionName: work", "FunctionName: my work", "AWS calls no function 'my work'; write"),
        ("MemorySize: 256", "MemorySize: 64", "a whole number of MB, from 128 to 10240"),
        ("Timeout: 5", "Timeout: --5", "Timeout is '--5'; write a whole number of seconds"),
        ("Timeout: 5", f"Timeout: {'9' * 5000}", "a whole number of seconds, from 1 to 900"),
        ("[arm64]", "[arm65]", "AWS has no architecture 'arm65'; write [x86_64] or [arm64]"),
        ("Timeout: 5", "Layers: common", "Layers is no list; write"),
        ("Level: DEBUG", "Level: LOUD", "ApplicationLogLevel is 'LOUD'; write TRACE or DEBUG"),
        ("Level: WARN", "Level: FATAL", "SystemLogLevel is 'FATAL'; write DEBUG or INFO"),
        ("{NAME: value}", "{A=B: value}", "'A=B' is no name of an environment variable; write"),
        ("{NAME: value}", "{AWS_REGION: here}", "AWS_REGION is Lambda's own to set; remove it"),
        ("{NAME: value}", '{NAME: "a\\0b"}', "a text has a NUL"),
        ('"/a/{b}"', "a/b", "'a/b' is no path of an API; write it like /orders/{id}"),
        ('"/a/{b}"', '"/a/{b"', "'/a/{b' is no path of an API"),
        ('"/a/{b}"', '"/{b+}/a"', "'/{b+}/a' is no path of an API"),
        ('"/a/{b}"', '"/{b}/{b}"', "a variable is twice in '/{b}/{b}'; give each a name"),
        ("CodeUri: .", f"CodeUri: {'a' * 5000}", "; name the folder of the code"),
        ("Handler: app.", f"Handler: {'a' * 5000}.", "has no module for the handler 'aaa"),
        ("Method: get", "Method: fetch", "no API has a method 'fetch'; write ANY or one of"),
        (
            "Type: HttpApi",
            "Type: HTTPAPI",
            "there is no event of type HTTPAPI; write Type: HttpApi",
        ),
    ],
)
def test_what_sam_takes_otherwise_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    refused(tmp_path, SAM, old, new, why)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Expression: a+", 'Expression: "["', "IdentityValidationExpression '[' is no regular"),
        ("Type: TOKEN", "Type: TOKEM", "Type is 'TOKEM'; write TOKEN or REQUEST"),
        ("IdentitySource: method", "IdentitySource: mehtod", "no source of an identity; write"),
        ("      IdentitySource: method.request.header.Authorization\n", "", "no IdentitySource"),
        ("InSeconds: 300", "InSeconds: 3601", "a whole number of seconds, from 0 to 3600"),
        ("HttpMethod: GET", "HttpMethod: GOT", "no API has a method 'GOT'"),
        ("GET /a", "GET a", "'a' is no path of an API"),
        ("GET /a", "GOT /a", "no API has a method 'GOT'"),
        ("/defined/{path}", "/defined/{}", "'/defined/{}' is no path of an API"),
    ],
)
def test_what_cloudformation_takes_otherwise_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    refused(tmp_path, CLOUDFORMATION, old, new, why)


def refused(folder: Path, text: str, old: str, new: str, why: str) -> None:
    assert text.count(old) == 1
    with pytest.raises(TemplateError) as raised:
        template(folder, text.replace(old, new))

    assert why in str(raised.value)
    assert raised.value.line is not None
    where = text[: text.index(old)].count("\n") + 1
    assert where - 6 <= raised.value.line <= where + 1


AGAIN = """
        Three:
          Type: HttpApi
          Properties: {Path: "/c/{d+}", Method: any}
"""


def test_a_route_that_two_events_want_is_told(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"ANY /c/\{d\+\} of ServerlessHttpApi is here twice"):
        template(tmp_path, SAM.rstrip() + AGAIN)


def test_events_may_name_what_their_api_defines_itself(tmp_path: Path) -> None:
    defined = """
  Defined:
    Type: AWS::Serverless::HttpApi
    Properties: {DefinitionBody: {paths: {}}}
"""
    named = (SAM.rstrip() + AGAIN).replace("{Path: ", "{ApiId: !Ref Defined, Path: ")

    assert len(template(tmp_path, named + defined).functions[0].routes) == 3


@pytest.mark.parametrize(
    ("written", "notices"),
    [
        ("Timout: 5", ["{}:20: Timout is no property of a function; is Timeout meant?"]),
        ("Policies: []", []),
    ],
)
def test_a_property_that_is_nearly_one_is_told(
    tmp_path: Path, written: str, notices: list[str]
) -> None:
    found = template(tmp_path, SAM.replace("Timeout: 5", written)).notices

    assert list(found) == [each.format(tmp_path / "template.yaml") for each in notices]
