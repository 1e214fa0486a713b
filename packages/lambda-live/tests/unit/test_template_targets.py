"""The function that a route leads to, if conditions and lookups are around its integration."""

from pathlib import Path

import pytest

from lambda_live.model.template import Template
from lambda_live.project.template.reader import read_template

ARN = "arn:aws:lambda:us-east-1:123456789012:function"
PROXY = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions"
TEMPLATE = """
Parameters: {{Stage: {{Type: String, Default: dev}}}}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsLive: !Not [!Condition IsDev]
Mappings: {{Targets: {{dev: {{Uri: "{proxy}/{arn}:One:live/invocations"}}}}}}
Globals: {{Function: {{CodeUri: ., Runtime: python3.12}}}}
Resources:
  One: {{Type: AWS::Serverless::Function, Properties: {{Handler: app.handler}}}}
  Two: {{Type: AWS::Serverless::Function, Properties: {{Handler: app.handler}}}}
  Rest: {{Type: AWS::ApiGateway::RestApi}}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !If [IsDev, !Ref Rest, !Ref AWS::NoValue]
      ResourceId: !If [IsDev, !GetAtt Rest.RootResourceId, none]
      HttpMethod: GET
      {rest}
  Http: {{Type: AWS::ApiGatewayV2::Api}}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {{IntegrationType: AWS_PROXY, IntegrationUri: {http}}}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !If [IsLive, other, !Ref Http]
      RouteKey: GET /v2
      Target: !If [IsDev, !Join [/, [integrations, !If [IsDev, !Ref Integration, x]]], !Ref Nothing]
  Url:
    Type: AWS::Lambda::Url
    Properties: {{AuthType: NONE, TargetFunctionArn: {http}}}
"""


def read(folder: Path, rest: str, http: str) -> Template:
    (folder / "app.py").touch()
    path = folder / "template.yaml"
    text = TEMPLATE.format(rest=rest, http=http, arn=ARN, proxy=PROXY)
    path.write_text(text, encoding="utf-8")
    return read_template(path, {})


@pytest.mark.parametrize(
    "rest",
    [
        f"Integration: {{Uri: !If [IsDev, !Sub '{PROXY}/${{One.Arn}}/x', !GetAtt Two.Arn]}}",
        "Integration: !If [IsLive, {Uri: !GetAtt Two.Arn}, {Uri: !Sub '${One.Arn}'}]",
        "Integration: {Uri: !FindInMap [Targets, !Ref Stage, Uri]}",
        f"Integration: {{Uri: '{PROXY}/{ARN}:One/invocations'}}",
        "Integration: {Uri: !Select [1, [!GetAtt Two.Arn, !GetAtt One.Arn]]}",
    ],
)
@pytest.mark.parametrize("http", ["!If [IsDev, !GetAtt Two.Arn, !GetAtt One.Arn]"])
def test_integration_leads_to_the_resolved_function_only(
    tmp_path: Path, rest: str, http: str
) -> None:
    template = read(tmp_path, rest, http)

    one, two = template.functions
    assert [(each.api, each.path) for each in one.routes] == [("Rest", "/")]
    assert [(each.api, each.path) for each in two.routes] == [("Http", "/v2")]
    assert (one.url.is_at_root, two.url.is_at_root) == (False, True)
    assert template.notices == ()


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        (f"'{ARN}:Three'", f"{ARN}:Three"),
        ("'arn:aws:lambda:eu-west-1:123456789012:function:One'", "eu-west-1:123456789012:function"),
        ("!ImportValue Elsewhere", "Elsewhere"),
    ],
)
def test_route_to_another_function_is_reported(tmp_path: Path, uri: str, named: str) -> None:
    template = read(tmp_path, "Integration: {Type: MOCK}", uri)

    assert [each.routes for each in template.functions] == [(), ()]
    kinds = ("the route", "has no effect", "the method")
    route, url, mock = (next(each for each in template.notices if kind in each) for kind in kinds)
    assert route.startswith(f"{template.path}:22: the route GET /v2 is not served: it leads to ")
    assert named in route
    assert "has no effect: " in url
    assert mock.endswith(
        "the method Method is not served: it is a mock; only functions are called here"
    )
