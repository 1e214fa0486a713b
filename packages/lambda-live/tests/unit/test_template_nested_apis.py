"""APIs whose functions are in another stack."""

from pathlib import Path

import pytest

from lambda_live.model.template import FunctionSpec, Route
from lambda_live.project.template.reader import read_template

FUNCTION = """
  Work:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.12}
"""
OUTPUTS = "Outputs: {Arn: {Value: !GetAtt Work.Arn}}\n"
PARAMETERS = """
Parameters: {Api: {Type: String}, Root: {Type: String}, Who: {Type: String}, Pets: {Type: String}}
"""
GIVEN = """
      Parameters: {Api: !Ref Api, Root: !GetAtt Api.RootResourceId, Who: !Ref Who, Pets: !Ref Pets}
"""
INVOKED = "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${%s}/invocations"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/app.py").touch()
    return tmp_path


def functions(folder: Path, parent: str, child: str) -> dict[str, FunctionSpec]:
    nested = f"""
  Child:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: child.yaml
{GIVEN if child.startswith(PARAMETERS) else ""}
"""
    (folder / "child.yaml").write_text(child, encoding="utf-8")
    (folder / "template.yaml").write_text(f"Resources:\n{nested}{parent}", encoding="utf-8")
    template = read_template(folder / "template.yaml", {})
    assert template.notices == ()
    return {each.name: each for each in template.functions}


def route(function: FunctionSpec) -> Route:
    (only,) = function.routes
    return only


def test_api_definition_targets_a_function_of_a_nested_stack(folder: Path) -> None:
    parent = f"""
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: true
      DefinitionBody:
        paths:
          /pets:
            get:
              x-amazon-apigateway-integration:
                payloadFormatVersion: "2.0"
                uri: !Sub "{INVOKED % "Child.Outputs.Arn"}"
"""
    found = route(functions(folder, parent, f"Resources: {FUNCTION}{OUTPUTS}")["Work"])

    assert (found.api, found.method, found.path) == ("Api", "GET", "/pets")
    assert found.cors
    assert found.payload_format == "2.0"


def test_route_targets_a_function_of_a_nested_stack(folder: Path) -> None:
    parent = """
  Api: {Type: AWS::ApiGatewayV2::Api}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Api, StageName: live}}
  Pets:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationUri: !GetAtt Child.Outputs.Arn}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: GET /pets, Target: !Sub "integrations/${Pets}"}
"""
    found = route(functions(folder, parent, f"Resources: {FUNCTION}{OUTPUTS}")["Work"])

    assert (found.api, found.stage, found.path) == ("Api", "live", "/pets")


REST = """
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {BinaryMediaTypes: [image/png]}}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Api, StageName: live}}
  Pets:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Api, ParentId: !GetAtt Api.RootResourceId, PathPart: pets}
  Guard:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.12}
  Who:
    Type: AWS::ApiGateway::Authorizer
    Properties:
      Type: TOKEN
      IdentitySource: method.request.header.Authorization
      AuthorizerUri: !Sub "arn:aws:apigateway::lambda:path/functions/${Guard.Arn}/invocations"
"""


@pytest.mark.parametrize(("parent", "path"), [("Root", "/one"), ("Pets", "/pets/one")])
def test_methods_of_a_nested_stack_belong_to_the_parents_api(
    parent: str, path: str, folder: Path
) -> None:
    child = f"""{PARAMETERS}
Resources: {FUNCTION}
  One:
    Type: AWS::ApiGateway::Resource
    Properties: {{RestApiId: !Ref Api, ParentId: !Ref {parent}, PathPart: one}}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Api
      ResourceId: !Ref One
      HttpMethod: GET
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Who
      Integration: {{Type: AWS_PROXY, Uri: !Sub "{INVOKED % "Work.Arn"}"}}
"""
    found = route(functions(folder, REST, child)["Work"])

    assert (found.api, found.path, found.stage) == ("Api", path, "live")
    assert found.binary_media_types == ("image/png",)
    assert found.authorizer
    assert found.authorizer.function == "Guard"


def test_api_uses_the_authorizer_of_another_stack(folder: Path) -> None:
    parent = """
  Other:
    Type: AWS::Serverless::Application
    Properties: {Location: other.yaml, Parameters: {Guard: !GetAtt Child.Outputs.Arn}}
"""
    api = """
Parameters: {Guard: {Type: String}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Own
        Authorizers:
          Own: {FunctionArn: !Ref Guard, AuthorizerPayloadFormatVersion: "2.0"}
  Asked:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.12
      Events: {Get: {Type: HttpApi, Properties: {ApiId: !Ref Api, Path: /, Method: get}}}
"""
    (folder / "other.yaml").write_text(api, encoding="utf-8")
    found = route(functions(folder, parent, f"Resources: {FUNCTION}{OUTPUTS}")["Asked"])

    assert found.api == "Other-Api"
    assert found.authorizer
    assert found.authorizer.function == "Work"
