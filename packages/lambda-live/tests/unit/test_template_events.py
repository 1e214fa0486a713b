"""Events, function URLs and APIs of templates, and intrinsic functions."""

from pathlib import Path

import pytest

from lambda_live.model.template import Cors, FunctionSpec, FunctionUrlConfig, Route
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template

SAM = """
Globals:
  HttpApi:
    CorsConfiguration: {AllowOrigins: ["https://a.example"], AllowMethods: [GET], MaxAge: 60}
  Api: {Cors: "'https://b.example'"}
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.12
      LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: DEBUG}
      ReservedConcurrentExecutions: 2
      Architectures: [arm64]
      FunctionUrlConfig:
        AuthType: NONE
        Cors:
          AllowOrigins: ["*"]
          AllowCredentials: true
          AllowHeaders: [x-a]
          ExposeHeaders: [x-b]
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        MaximumEventAgeInSeconds: 120
        DestinationConfig:
          OnFailure: {Type: SQS, Destination: "arn:aws:sqs:us-east-1:123456789012:failed"}
      DeadLetterQueue: {Type: SQS, TargetArn: "arn:aws:sqs:us-east-1:123456789012:dead"}
      Events:
        Get: {Type: HttpApi, Properties: {Path: "/orders/{id}", Method: get}}
        Rest: {Type: Api, Properties: {Path: /rest, Method: any}}
        All: {Type: HttpApi}
        Queue: {Type: SQS, Properties: {Queue: "arn:aws:sqs:us-east-1:123456789012:work"}}
"""
CLOUDFORMATION = """
Resources:
  Work:
    Type: AWS::Lambda::Function
    Properties: {Code: ., Handler: app.handler, Runtime: python3.12}
  Url:
    Type: AWS::Lambda::Url
    Properties: {AuthType: AWS_IAM, InvokeMode: RESPONSE_STREAM, TargetFunctionArn: !Ref Work}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationUri: !GetAtt Work.Arn, PayloadFormatVersion: "2.0"}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: POST /items
      Target: !Join ["/", [integrations, !Ref Integration]]
  Rest:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: $default
      Target: !Join ["/", [integrations, !Ref Integration]]
  Source:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Work, EventSourceArn: "arn:aws:sqs:us-east-1:1:q"}
  Settings:
    Type: AWS::Lambda::EventInvokeConfig
    Properties: {FunctionName: !Ref Work, MaximumRetryAttempts: 0, Qualifier: $LATEST}
"""


def only(folder: Path, text: str) -> FunctionSpec:
    (folder / "app.py").touch()
    path = folder / "template.yaml"
    path.write_text(text, encoding="utf-8")
    (function,) = read_template(path, {}).functions
    return function


def test_routes_of_sam_events_are_read(tmp_path: Path) -> None:
    cors = Cors(allow_origins=("https://a.example",), allow_methods=("GET",), max_age=60)
    rest = Cors(allow_origins=("https://b.example",))

    assert only(tmp_path, SAM).routes == (
        Route("ServerlessHttpApi", "/orders/{id}", "GET", "2.0", None, cors),
        Route("ServerlessRestApi", "/rest", "ANY", "1.0", None, rest, is_rest=True, stage="Prod"),
        Route("ServerlessHttpApi", "$default", "ANY", "2.0", None, cors),
    )


def test_function_url_and_log_settings_are_read(tmp_path: Path) -> None:
    function = only(tmp_path, SAM)

    assert function.url == FunctionUrlConfig(
        "NONE",
        "BUFFERED",
        Cors(
            allow_origins=("*",),
            allow_headers=("x-a",),
            expose_headers=("x-b",),
            allow_credentials=True,
        ),
    )
    assert (function.logging.format, function.logging.application_level) == ("JSON", "DEBUG")
    assert (function.reserved_concurrency, function.architecture) == (2, "arm64")


def test_event_invoke_config_is_read(tmp_path: Path) -> None:
    after = only(tmp_path, SAM).event_invoke_config

    assert (after.maximum_retry_attempts, after.maximum_event_age_seconds) == (1, 120)
    assert (after.on_success, after.on_failure) == (
        None,
        "arn:aws:sqs:us-east-1:123456789012:failed",
    )
    assert after.dead_letter == "arn:aws:sqs:us-east-1:123456789012:dead"


def test_unsupported_event_source_is_reported(tmp_path: Path) -> None:
    broker = SAM.replace("Type: SQS, Properties: {Queue: ", "Type: MQ, Properties: {Broker: ")
    (event,) = only(tmp_path, broker).unsupported_events

    assert (event.name, event.type) == ("Queue", "MQ")
    assert "template.yaml:" in event.reason
    assert "MQ trigger Queue isn't emulated; invoke Work with a sample event" in event.reason


WEBSOCKET = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.12, Handler: app.handler}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Work.Arn}
  Connect:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: $connect, Target: !Sub "integrations/${Integration}"}
"""


def test_websocket_route_is_an_unsupported_event(tmp_path: Path) -> None:
    function = only(tmp_path, WEBSOCKET)

    assert function.routes == ()
    assert [event.type for event in function.unsupported_events] == ["WebSocket $connect"]


def test_cloudformation_resources_are_found_by_reference(tmp_path: Path) -> None:
    function = only(tmp_path, CLOUDFORMATION)

    assert function.url == FunctionUrlConfig("AWS_IAM", "RESPONSE_STREAM")
    assert function.routes == (
        Route("Api", "/items", "POST", "2.0", None, None),
        Route("Api", "$default", "ANY", "2.0", None, None),
    )
    assert function.event_invoke_config.maximum_retry_attempts == 0


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Type: SQS, Properties: {Queue", "Properties: {Queue", "the event Queue has no Type"),
        (", Method: any", "", "needs Path and Method"),
        ("AuthType: NONE", "AuthType: SOME", "AuthType"),
        ("MaxAge: 60", "MaxAge: long", "MaxAge"),
    ],
)
def test_invalid_event_or_url_is_refused(tmp_path: Path, old: str, new: str, why: str) -> None:
    with pytest.raises(TemplateError, match=why):
        only(tmp_path, SAM.replace(old, new))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('!Join ["/", [a, !Sub "b-${AWS::Partition}"]]', "a/b-aws"),
        ("!Select [0, !GetAZs us-east-1]", "us-east-1a"),
        ('!Sub ["${A}-${!B}", {A: x}]', "x-${B}"),
        ("!If [Is, a, b]", "a"),
        ("!If [IsNot, a, b]", "b"),
        ("!FindInMap [M, a, zz, {DefaultValue: d}]", "d"),
        ("!Base64 text", "dGV4dA=="),
        ("!Ref AWS::StackName", None),
        ("!GetAtt Table.Arn", None),
        ("!ImportValue shared", None),
        ("!Cidr [a, b]", None),
    ],
)
def test_intrinsic_function_is_resolved(tmp_path: Path, value: str, expected: str | None) -> None:
    text = f"""
Mappings: {{M: {{a: {{b: c}}}}}}
Conditions:
  Is: !And [!Equals [a, a], !Not [!Equals [a, b]]]
  IsNot: !Or [!Equals [a, b], !Condition Never]
  Never: !Not [!Condition Is]
Resources:
  Table: {{Type: AWS::DynamoDB::Table}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.12
      Environment: {{Variables: {{VALUE: {value}}}}}
"""
    found = only(tmp_path, text).environment or {}

    assert expected is None or found["VALUE"] == expected
    assert isinstance(found["VALUE"], str)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("!Select [9, [a]]", "Fn::Select has invalid arguments"),
        ("!Select [-1, [a]]", "Fn::Select has invalid arguments"),
        ("!If [Missing, a, b]", "condition Missing is not defined"),
        ("!Join [a]", "Fn::Join has invalid arguments"),
    ],
)
def test_invalid_intrinsic_function_is_refused(tmp_path: Path, value: str, why: str) -> None:
    memory = SAM.replace(
        "ReservedConcurrentExecutions: 2", f"Description: x\n      MemorySize: {value}"
    )

    with pytest.raises(TemplateError, match=why):
        only(tmp_path, memory)


REST = """
Resources:
  Work:
    Type: AWS::Lambda::Function
    Properties: {Code: ., Handler: app.handler, Runtime: python3.12}
  Api: {Type: AWS::ApiGateway::RestApi, Properties: {BinaryMediaTypes: ["*/*"]}}
  Orders:
    Type: AWS::ApiGateway::Resource
    Properties: {ParentId: !GetAtt Api.RootResourceId, PathPart: orders, RestApiId: !Ref Api}
  Order:
    Type: AWS::ApiGateway::Resource
    Properties: {ParentId: !Ref Orders, PathPart: "{id}", RestApiId: !Ref Api}
  Get:
    Type: AWS::ApiGateway::Method
    Properties:
      HttpMethod: GET
      ResourceId: !Ref Order
      RestApiId: !Ref Api
      Integration:
        Uri: !Join ["", [!Ref AWS::Partition, ":functions/", !GetAtt Work.Arn, "/invocations"]]
  Root:
    Type: AWS::ApiGateway::Method
    Properties:
      HttpMethod: ANY
      ResourceId: !GetAtt Api.RootResourceId
      RestApiId: !Ref Api
      Integration: {Uri: {Fn::Join: ["/", [functions, {Fn::GetAtt: Work.Arn}, invocations]]}}
  RootOptions:
    Type: AWS::ApiGateway::Method
    Properties:
      HttpMethod: OPTIONS
      ResourceId: !GetAtt Api.RootResourceId
      RestApiId: !Ref Api
      Integration: {Type: MOCK, IntegrationResponses: [{StatusCode: "204"}]}
  Elsewhere:
    Type: AWS::ApiGateway::Method
    Properties: {HttpMethod: GET, ResourceId: !Ref Order, RestApiId: !Ref Api}
  Options:
    Type: AWS::ApiGateway::Method
    Properties:
      HttpMethod: OPTIONS
      ResourceId: !Ref Order
      RestApiId: !Ref Api
      Integration:
        Type: MOCK
        IntegrationResponses:
          - {StatusCode: "500", SelectionPattern: failed}
          - ResponseParameters:
              method.response.header.Access-Control-Allow-Origin: "'*'"
              method.response.header.Access-Control-Allow-Methods: "'OPTIONS,GET'"
              method.response.header.Access-Control-Max-Age: "'60'"
            StatusCode: "204"
  Deployment: {Type: AWS::ApiGateway::Deployment, Properties: {RestApiId: !Ref Api}}
  Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Api, StageName: dev}}
"""
OPENAPI = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: app.handler, Runtime: python3.12}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      DefinitionBody:
        paths:
          /orders:
            post:
              x-amazon-apigateway-integration:
                uri: !Sub "functions/${Work.Arn}/invocations"
                payloadFormatVersion: "2.0"
          /$default:
            x-amazon-apigateway-any-method:
              x-amazon-apigateway-integration: {uri: !GetAtt Work.Arn}
          /nothing: {get: {responses: {}}}
"""


def test_methods_of_a_rest_api_are_routes(tmp_path: Path) -> None:
    def route(path: str, method: str, cors: Cors | None = None) -> Route:
        return Route(
            *("Api", path, method, "1.0", None, cors),
            is_rest=True,
            stage="dev",
            binary_media_types=("*/*",),
        )

    cors = Cors(("*",), ("OPTIONS", "GET"), max_age=60)

    assert only(tmp_path, REST).routes == (route("/orders/{id}", "GET", cors), route("/", "ANY"))


def test_the_paths_of_an_openapi_definition_are_routes(tmp_path: Path) -> None:
    assert only(tmp_path, OPENAPI).routes == (
        Route("Api", "/orders", "POST", "2.0", None, None),
        Route("Api", "$default", "ANY", "1.0", None, None),
    )
