"""
The reader compared with AWS's own translator of SAM templates.

Each template is read twice: as it is, and as the CloudFormation that the translator makes of it.
Both must have the same functions, routes and authorizers.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from lambda_live.model.template import Authorizer, FunctionSpec, Route
from lambda_live.project.template.reader import read_template

PROXY = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions"
EVENTS = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {CodeUri: ., Handler: app.handler, Runtime: python3.12, MemorySize: 256}}
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      Timeout: 9
      ReservedConcurrentExecutions: 3
      Environment: {Variables: {NAME: value}}
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: Lambda, Destination: !GetAtt Other.Arn}}
      FunctionUrlConfig: {AuthType: AWS_IAM, InvokeMode: RESPONSE_STREAM}
      Events:
        Get: {Type: HttpApi, Properties: {Path: "/orders/{id}", Method: get}}
        Old: {Type: HttpApi, Properties: {Path: /v1, Method: ANY, PayloadFormatVersion: "1.0"}}
        All: {Type: HttpApi}
        Rest: {Type: Api, Properties: {Path: "/files/{path+}", Method: post}}
  Other:
    Type: AWS::Serverless::Function
    Properties: {Events: {Any: {Type: Api, Properties: {Path: /any, Method: any}}}}
"""
AUTHORIZERS = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {CodeUri: ., Handler: app.handler, Runtime: python3.12}}
Resources:
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Auth:
        DefaultAuthorizer: Token
        Authorizers:
          Token:
            FunctionArn: !GetAtt Ask.Arn
            Identity: {Header: X-Token, ValidationExpression: "^a+$", ReauthorizeEvery: 0}
          Request:
            FunctionPayloadType: REQUEST
            FunctionArn: !GetAtt Ask.Arn
            Identity: {Headers: [X-One], QueryStrings: [two]}
          Pool: {UserPoolArn: "arn:aws:cognito-idp:us-east-1:1:userpool/us-east-1_a"}
  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        Authorizers:
          Simple:
            FunctionArn: !GetAtt Ask.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            EnableFunctionDefaultPermissions: true
            Identity: {Headers: [X-Key]}
          Jwt:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: "https://issuer.example", audience: [a]}
  Ask: {Type: AWS::Serverless::Function}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        One: {Type: Api, Properties: {RestApiId: !Ref Rest, Path: /one, Method: get}}
        Two:
          Type: Api
          Properties:
            {RestApiId: !Ref Rest, Path: /two, Method: get, Auth: {Authorizer: Request}}
        Three:
          Type: Api
          Properties: {RestApiId: !Ref Rest, Path: /three, Method: get, Auth: {Authorizer: Pool}}
        Four:
          Type: Api
          Properties: {RestApiId: !Ref Rest, Path: /four, Method: get, Auth: {Authorizer: NONE}}
        Five:
          Type: Api
          Properties:
            {RestApiId: !Ref Rest, Path: /five, Method: get, Auth: {Authorizer: AWS_IAM}}
        Six:
          Type: HttpApi
          Properties: {ApiId: !Ref Http, Path: /six, Method: get, Auth: {Authorizer: Simple}}
        Seven:
          Type: HttpApi
          Properties: {ApiId: !Ref Http, Path: /seven, Method: get, Auth: {Authorizer: Jwt}}
        Eight: {Type: HttpApi, Properties: {ApiId: !Ref Http, Path: /eight, Method: get}}
"""
DEFINITIONS = f"""
Transform: AWS::Serverless-2016-10-31
Globals: {{Function: {{CodeUri: ., Handler: app.handler, Runtime: python3.12}}}}
Parameters: {{Stage: {{Type: String, Default: dev}}}}
Conditions: {{IsDev: !Equals [!Ref Stage, dev], IsLive: !Equals [!Ref Stage, live]}}
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      StageName: !Ref Stage
      DefinitionBody:
        openapi: "3.0.1"
        info: {{title: one, version: "1"}}
        paths:
          /one:
            get:
              x-amazon-apigateway-integration:
                type: aws_proxy
                httpMethod: POST
                payloadFormatVersion: "2.0"
                uri: !If
                  - IsDev
                  - !Sub "{PROXY}/${{Work.Alias}}/invocations"
                  - !Sub "{PROXY}/${{Other.Arn}}/invocations"
  Work:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      FunctionName: !Sub "${{Stage}}-work"
      Handler: !If [IsDev, app.dev, app.live]
  Other:
    Type: AWS::Serverless::Function
    Condition: IsLive
  Third:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: !Ref Stage
      Events: {{Get: {{Type: HttpApi, Properties: {{Path: /three, Method: get}}}}}}
"""


class _NoPolicies:
    """The translator's source of IAM policies, which play no part here."""

    @staticmethod
    def load() -> dict[str, str]:
        return {}


def translated(text: str) -> dict[str, Any]:
    """Return the CloudFormation of a SAM template; its code is in the folder of the template."""
    source = yaml_parse(text)
    source.setdefault("Globals", {}).setdefault("Function", {})["CodeUri"] = "s3://bucket/key"
    folders = {}
    for name, each in source["Resources"].items():
        if each["Type"] == "AWS::Serverless::Function":
            folders[name] = each.setdefault("Properties", {}).pop("CodeUri", ".")
    result: dict[str, Any] = transform(copy.deepcopy(source), {}, _NoPolicies())
    for name, folder in folders.items():
        result["Resources"][name]["Properties"]["Code"] = folder
    return result


def described(function: FunctionSpec) -> dict[str, Any]:
    """Return what both readings of a function must have in common."""
    return {
        "handler": (function.handler, function.runtime, function.memory, function.timeout),
        "environment": dict(function.environment or {}),
        "concurrency": function.reserved_concurrency,
        "aliases": (function.aliases, function.versions),
        "events": function.event_invoke_config,
        "url": function.url,
        "routes": sorted(map(route, function.routes)),
    }


def route(each: Route) -> tuple[object, ...]:
    authorizer = each.authorizer and _authorizer(each.authorizer)
    where = (each.api, each.stage, each.path, each.method, each.qualifier or "")
    return (*where, each.payload_format, str(authorizer))


def _authorizer(each: Authorizer) -> tuple[object, ...]:
    identity = tuple(name.lower() for name in each.identity)
    response = (each.is_cached, each.payload_format, each.has_simple_response)
    return (each.name, each.kind, each.function, identity, each.validation, response)


@pytest.mark.parametrize(
    "text", [EVENTS, AUTHORIZERS, DEFINITIONS], ids=["events", "authorizers", "definitions"]
)
def test_functions_and_routes_match_the_translator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    (tmp_path / "app.py").touch()
    (tmp_path / "template.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "translated.json").write_text(json.dumps(translated(text)), encoding="utf-8")

    own = read_template(tmp_path / "template.yaml", {}).functions
    expected = read_template(tmp_path / "translated.json", {}).functions

    assert {each.name: described(each) for each in own} == {
        each.name: described(each) for each in expected
    }
