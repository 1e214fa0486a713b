"""Aliases and versions lead to their function, in another region and account than the default."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.lambda_service import LambdaService
from support.service_starter import StartService
from support.waiting import wait_until

ARN = "arn:aws-us-gov:lambda:us-gov-west-1:210987654321:function:Orders"
PROXY = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions"
BY_STAGE = (
    f"{PROXY}/arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}"
    ":function:${!stageVariables.function}:${!stageVariables.alias}"
)
TEMPLATE = f"""
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {{Runtime: python3.12, CodeUri: code/, Handler: app.handler}}
Conditions: {{IsGov: !Equals [!Ref AWS::Partition, aws-us-gov]}}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        DestinationConfig: {{OnSuccess: {{Type: Lambda, Destination: !Ref AuditLive}}}}
      Environment: {{Variables: {{ALIAS: !Ref Orders.Alias, VERSION: !Ref AuditVersion}}}}
      Events: {{Get: {{Type: HttpApi, Properties: {{Path: /sam, Method: get}}}}}}
  Audit: {{Type: AWS::Serverless::Function, Properties: {{Handler: app.audit}}}}
  AuditVersion: {{Type: AWS::Lambda::Version, Properties: {{FunctionName: !Ref Audit}}}}
  AuditLive:
    Type: AWS::Lambda::Alias
    Properties:
      Name: prod
      FunctionName: !GetAtt Audit.Arn
      FunctionVersion: !GetAtt AuditVersion.Version
  Api: {{Type: AWS::ApiGatewayV2::Api}}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      IntegrationUri: !If [IsGov, !Sub "{PROXY}/${{OrdersAliaslive}}/invocations", !Ref AuditLive]
      IntegrationType: AWS_PROXY
      PayloadFormatVersion: "2.0"
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: GET /v2
      Target: !Sub "integrations/${{Integration}}"
  Asked:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: GET /asked
      Target: !Sub "integrations/${{Integration}}"
      AuthorizationType: CUSTOM
      AuthorizerId: !Ref Authorizer
  Authorizer:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      AuthorizerType: REQUEST
      AuthorizerPayloadFormatVersion: "2.0"
      EnableSimpleResponses: true
      IdentitySource: [$request.header.X-Key]
      AuthorizerUri: !Sub "{PROXY}/${{DeciderLive}}/invocations"
  Decider: {{Type: AWS::Serverless::Function, Properties: {{Handler: app.decide}}}}
  DeciderLive:
    Type: AWS::Lambda::Alias
    Properties: {{Name: live, FunctionName: !Ref Decider, FunctionVersion: "1"}}
  Rest: {{Type: AWS::ApiGateway::RestApi, Properties: {{Name: rest}}}}
  Stage:
    Type: AWS::ApiGateway::Stage
    Properties:
      RestApiId: !Ref Rest
      StageName: live
      Variables: {{function: Orders, alias: live}}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !GetAtt Rest.RootResourceId
      HttpMethod: PUT
      Integration:
        Type: AWS_PROXY
        IntegrationHttpMethod: POST
        Uri: !Sub "{BY_STAGE}/invocations"
"""
APP = """
import json, os

def handler(event, context):
    reply = {"arn": context.invoked_function_arn, "alias": os.environ["ALIAS"],
             "version": os.environ["VERSION"]}
    return {"statusCode": 200, "body": json.dumps(reply)} if "resource" in event else reply

def decide(event, context):
    return {"isAuthorized": event["headers"]["x-key"] == "yes"}

def audit(event, context):
    invoked, version = event["requestContext"]["functionArn"], event["responseContext"]
    print("audited", context.invoked_function_arn, invoked, version["executedVersion"])
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(
        {"template.yaml": TEMPLATE, "code/app.py": APP},
        handler=None,
        AWS_ACCOUNT_ID="210987654321",
        AWS_REGION="us-gov-west-1",
    )


def invoke(service: LambdaService, name: str, **more: Any) -> tuple[Any, str]:
    response = service.boto3.invoke(FunctionName=name, **more)
    return json.load(response["Payload"]), response["ExecutedVersion"]


@pytest.mark.parametrize(
    ("name", "qualifier"), [("Orders:live", {}), ("Orders", {"Qualifier": "live"}), (ARN, {})]
)
def test_invoke_accepts_alias(service: LambdaService, name: str, qualifier: dict[str, str]) -> None:
    reply, version = invoke(service, name, **qualifier)

    is_qualified = name != ARN
    assert reply["arn"] == (f"{ARN}:live" if is_qualified else ARN)
    assert version == ("1" if is_qualified else "$LATEST")
    assert reply["alias"] == f"{ARN}:live"
    assert reply["version"] == f"{ARN.replace('Orders', 'Audit')}:1"


def test_invoke_of_unknown_alias_is_not_found(service: LambdaService) -> None:
    with pytest.raises(ClientError, match=r"Function not found: .*:Orders:test"):
        service.boto3.invoke(FunctionName="Orders", Qualifier="test")


@pytest.mark.parametrize("path", ["/sam", "/v2"])
def test_route_to_alias_leads_to_its_function(service: LambdaService, path: str) -> None:
    assert service.request("GET", path).json()["arn"] == f"{ARN}:live"


def test_destination_may_be_alias(service: LambdaService) -> None:
    service.boto3.invoke(FunctionName="Orders", Qualifier="live", InvocationType="Event")

    audited = f"audited {ARN.replace('Orders', 'Audit')}:prod {ARN}:live 1"
    wait_until(lambda: any(audited in each for each in service.lines), "the audit")


def test_configuration_and_lists_have_alias_and_version(service: LambdaService) -> None:
    configuration = service.boto3.get_function_configuration(
        FunctionName="Orders", Qualifier="live"
    )
    versions = service.boto3.list_versions_by_function(FunctionName="Audit")["Versions"]
    aliases = service.boto3.list_aliases(FunctionName="Audit")["Aliases"]

    assert (configuration["FunctionArn"], configuration["Version"]) == (f"{ARN}:live", "1")
    assert [each["Version"] for each in versions] == ["$LATEST", "1"]
    assert [(each["Name"], each["FunctionVersion"]) for each in aliases] == [("prod", "1")]


def test_authorizer_behind_an_alias_decides(service: LambdaService) -> None:
    responses = [service.request("GET", "/asked", headers={"X-Key": key}) for key in ("yes", "no")]

    assert [each.status for each in responses] == [200, 403]


def test_stage_variables_of_an_integration_are_resolved(service: LambdaService) -> None:
    assert service.request("PUT", "/").json()["arn"] == f"{ARN}:live"


def test_get_alias_describes_it(service: LambdaService) -> None:
    (listed,) = service.boto3.list_aliases(FunctionName="Orders")["Aliases"]
    found = service.boto3.get_alias(FunctionName="Orders", Name="live")

    assert (found["AliasArn"], found["FunctionVersion"]) == (f"{ARN}:live", "1")
    assert listed.items() <= found.items()
    with pytest.raises(ClientError, match=f"Cannot find alias arn: {ARN}:nope"):
        service.boto3.get_alias(FunctionName="Orders", Name="nope")
