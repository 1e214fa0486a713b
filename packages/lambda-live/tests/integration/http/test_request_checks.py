"""
API keys and request validation of REST APIs.

AWS's responses are recorded in LocalStack's snapshots:
tests/aws/services/apigateway/test_apigateway_common.snapshot.json.
"""

import json

import pytest

from support.http import HttpResponse
from support.lambda_service import LambdaService
from support.service_starter import StartService

TEMPLATE = """
Globals: {Function: {Runtime: python3.12, CodeUri: code, Handler: app.work}}
Resources:
  Sam:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      Cors: "'*'"
      Models:
        Order:
          type: object
          required: [count, items]
          properties:
            count: {type: integer, minimum: 1, maximum: 5, exclusiveMaximum: true}
            items: {type: array, maxItems: 2, items: {$ref: "#/definitions/Item"}}
            size: {type: integer, enum: [1, 2]}
          additionalProperties: false
        Item: {type: object, properties: {name: {type: string, pattern: "^[a-z]+$"}}}
  Keyed:
    Type: AWS::Serverless::Api
    Properties: {StageName: live, Cors: "'*'", Auth: {ApiKeyRequired: true}}
  Asking:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      ApiKeySourceType: AUTHORIZER
      Auth:
        ApiKeyRequired: true
        DefaultAuthorizer: Decides
        Authorizers: {Decides: {FunctionArn: !GetAtt Decider.Arn}}
  Key: {Type: AWS::ApiGateway::ApiKey, Properties: {Enabled: true, Value: twenty-characters-key}}
  Off: {Type: AWS::ApiGateway::ApiKey, Properties: {Enabled: false, Value: disabled-characters}}
  Decider:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.decide}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Body:
          Type: Api
          Properties:
            RestApiId: !Ref Sam
            Path: /body
            Method: any
            RequestModel: {Model: Order, Required: true, ValidateBody: true}
        Unchecked:
          Type: Api
          Properties:
            RestApiId: !Ref Sam
            Path: /unchecked
            Method: post
            RequestModel: {Model: Order}
        Parameters:
          Type: Api
          Properties:
            RestApiId: !Ref Sam
            Path: "/parameters/{id}"
            Method: get
            RequestModel: {Model: Order, ValidateParameters: true}
            RequestParameters:
              - method.request.querystring.page: {Required: true, Caching: true}
              - method.request.header.X-One: {Required: true}
              - method.request.path.id: {Required: true}
              - method.request.querystring.other
        Key: {Type: Api, Properties: {RestApiId: !Ref Keyed, Path: /key, Method: get}}
        Open:
          Type: Api
          Properties:
            {RestApiId: !Ref Keyed, Path: /open, Method: get, Auth: {ApiKeyRequired: false}}
        Own:
          Type: Api
          Properties: {RestApiId: !Ref Sam, Path: /own, Method: get, Auth: {ApiKeyRequired: true}}
        Asking: {Type: Api, Properties: {RestApiId: !Ref Asking, Path: /asking, Method: get}}
  Rest: {Type: AWS::ApiGateway::RestApi, Properties: {Name: rest}}
  Path:
    Type: AWS::ApiGateway::Resource
    Properties: {RestApiId: !Ref Rest, ParentId: !GetAtt Rest.RootResourceId, PathPart: plain}
  Validator:
    Type: AWS::ApiGateway::RequestValidator
    Properties: {RestApiId: !Ref Rest, ValidateRequestBody: true, ValidateRequestParameters: true}
  Part:
    Type: AWS::ApiGateway::Model
    Properties:
      RestApiId: !Ref Rest
      Name: Part
      ContentType: application/json
      Schema: {type: object, required: [a], properties: {a: {type: number}}}
  Whole:
    Type: AWS::ApiGateway::Model
    Properties:
      RestApiId: !Ref Rest
      ContentType: application/json
      Schema: !Sub |
        {"type": "array", "minItems": 1,
         "items": {"$ref": "https://apigateway.amazonaws.com/restapis/${Rest}/models/Part"}}
  Method:
    Type: AWS::ApiGateway::Method
    Properties:
      RestApiId: !Ref Rest
      ResourceId: !Ref Path
      HttpMethod: POST
      AuthorizationType: NONE
      ApiKeyRequired: true
      RequestValidatorId: !Ref Validator
      RequestModels: {application/json: !Ref Whole}
      RequestParameters:
        method.request.querystring.qs1: true
        method.request.path.issuer: true
        method.request.header.x-header-param: true
        method.request.header.X-Other: false
      Integration:
        Type: AWS_PROXY
        IntegrationHttpMethod: POST
        RequestParameters: {integration.request.header.X-Own: "'value'"}
        Uri: !Sub "arn:aws:apigateway:${Work.Arn}/invocations"
  OpenApi:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      DefinitionBody:
        openapi: "3.0.1"
        x-amazon-apigateway-request-validator: all
        x-amazon-apigateway-request-validators:
          all: {validateRequestBody: true, validateRequestParameters: true}
          none: {validateRequestBody: false, validateRequestParameters: false}
        components:
          schemas:
            Note: {type: object, required: [text], properties: {text: {type: string, minLength: 2}}}
          securitySchemes:
            api_key: {type: apiKey, name: x-api-key, in: header}
        paths:
          /notes:
            parameters: [{in: query, name: page, required: true, schema: {type: string}}]
            post:
              security: [{api_key: []}]
              requestBody:
                content: {application/json: {schema: {$ref: "#/components/schemas/Note"}}}
              x-amazon-apigateway-integration: &integration
                type: aws_proxy
                httpMethod: POST
                uri: !Sub "arn:aws:apigateway:${Work.Arn}/invocations"
            put:
              x-amazon-apigateway-request-validator: none
              x-amazon-apigateway-integration: *integration
            patch: {x-amazon-apigateway-integration: {<<: *integration, type: aws}}
            delete: {x-amazon-apigateway-integration: {<<: *integration, httpMethod: GET}}
"""
APP = """
import json

def work(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}

def decide(event, context):
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "principalId": "me",
        "policyDocument": policy,
        "usageIdentifierKey": event["authorizationToken"],
    }
"""
KEY = "twenty-characters-key"
FORBIDDEN = {"message": "Forbidden"}
INVALID = {"message": "Invalid request body"}


@pytest.fixture(scope="module")
def apis(start_module_service: StartService) -> LambdaService:
    return start_module_service({"template.yaml": TEMPLATE, "code/app.py": APP}, handler=None)


@pytest.mark.parametrize("path", ["/key", "/own"])
def test_request_without_api_key_is_forbidden(apis: LambdaService, path: str) -> None:
    for headers in (
        {},
        {"x-api-key": ""},
        {"x-api-key": "x"},
        {"x-api-key": "disabled-characters"},
    ):
        response = apis.request("GET", path, headers=headers)

        assert (response.status, response.json()) == (403, FORBIDDEN)
        assert response.headers["x-amzn-errortype"] == "ForbiddenException"

    identity = apis.request("GET", path, headers={"X-Api-Key": KEY}).json()["requestContext"][
        "identity"
    ]
    assert (identity["apiKey"], identity["apiKeyId"]) == (KEY, "Key")


def test_api_key_default_can_be_overridden(apis: LambdaService) -> None:
    assert apis.request("GET", "/open").status == 200
    assert apis.request("OPTIONS", "/key").status == 403
    assert apis.request("OPTIONS", "/key", headers={"x-api-key": KEY}).status == 200
    assert apis.request("OPTIONS", "/body").status == 200


def test_api_key_may_come_from_the_authorizer(apis: LambdaService) -> None:
    header_only = {"Authorization": "other", "x-api-key": KEY}

    assert apis.request("GET", "/asking", headers=header_only).status == 403
    response = apis.request("GET", "/asking", headers={"Authorization": KEY})
    assert response.json()["requestContext"]["identity"]["apiKeyId"] == "Key"
    assert response.json()["requestContext"]["authorizer"]["principalId"] == "me"


def post(service: LambdaService, path: str, body: object, **headers: str) -> HttpResponse:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.request("POST", path, encoded, {"Content-Type": "application/json"} | names)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"items": []}, "must contain ['count'"),
        ({"count": "1", "items": []}, "data.count must be integer"),
        ({"count": 5, "items": []}, "data.count must be smaller than 5"),
        ({"count": 1, "items": [{}, {}, {}]}, "data.items must contain less than or equal to 2"),
        ({"count": 1, "items": [{"name": "A"}]}, "data.items[0].name must match pattern"),
        ({"count": 1, "items": [], "size": 3}, "data.size must be one of [1, 2]"),
        ({"count": 1, "items": [], "more": 1}, "must not contain {'more'}"),
        ([], "data must be object"),
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
    ],
)
def test_invalid_body_is_rejected(apis: LambdaService, body: object, reason: str) -> None:
    response = post(apis, "/body", body)

    assert (response.status, response.json()) == (400, INVALID)
    assert response.headers["x-amzn-errortype"] == "BadRequestException"
    apis.wait_for_line(reason)


def test_valid_body_is_accepted(apis: LambdaService) -> None:
    valid = {"count": 4, "items": [{"name": "a"}], "size": 2}

    assert post(apis, "/body", valid).status == 200
    assert post(apis, "/body", b"text", Content_Type="text/plain").status == 200
    assert post(apis, "/unchecked", {}).status == 200
    assert apis.request("GET", "/body").json() == INVALID


def test_missing_parameters_are_listed(apis: LambdaService) -> None:
    response = apis.request("GET", "/parameters/1")
    blank = apis.request("GET", "/parameters/1?page=+", headers={"x-one": " "})
    one = apis.request("GET", "/parameters/1?page=1")

    names = "Missing required request parameters: [X-One, page]"
    assert (response.status, response.json()) == (400, {"message": names})
    assert blank.json() == {"message": names}
    assert one.json() == {"message": "Missing required request parameters: [X-One]"}
    assert apis.request("GET", "/parameters/1?page=1", headers={"x-one": "1"}).status == 200


def test_method_of_cloudformation_validates(apis: LambdaService) -> None:
    message = {"message": "Missing required request parameters: [x-header-param, issuer, qs1]"}

    assert post(apis, "/plain", [{"a": 1}]).json() == FORBIDDEN
    assert post(apis, "/plain", [{"a": 1}], x_api_key=KEY).json() == message


def test_operation_of_openapi_validates(apis: LambdaService) -> None:
    assert post(apis, "/notes?page=1", {"text": "ab"}).json() == FORBIDDEN
    missing = post(apis, "/notes", {"text": "ab"}, x_api_key=KEY)
    assert missing.json() == {"message": "Missing required request parameters: [page]"}
    assert post(apis, "/notes?page=1", {"text": "a"}, x_api_key=KEY).json() == INVALID
    assert post(apis, "/notes?page=1", {"text": "ab"}, x_api_key=KEY).status == 200
    assert apis.request("PUT", "/notes", b"x").status == 200


def test_parameter_mappings_are_reported(apis: LambdaService) -> None:
    line = TEMPLATE[: TEMPLATE.index("RequestParameters: {integration")].count("\n") + 1
    notice = f"template.yaml:{line}: RequestParameters has no effect: parameters are not mapped"

    assert sum(notice in line for line in apis.lines) == 1


def test_integrations_that_aws_runs_differently_are_reported(apis: LambdaService) -> None:
    custom = apis.request("PATCH", "/notes", b"x")

    message = "lambda-live has no integrations of type AWS; use AWS_PROXY"
    assert (custom.status, custom.json()) == (501, {"message": message})
    line = TEMPLATE[: TEMPLATE.index("patch:")].count("\n") + 1
    for notice in (
        f"template.yaml:{line}: the integration type AWS, with mapping templates, is not supported",
        f"template.yaml:{line + 1}: httpMethod is GET, for which AWS responds 500; use POST",
    ):
        assert sum(notice in line for line in apis.lines) == 1, notice


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("method.request.path.issuer: true", "method.request.path.issuer: false", 400),
        ("ValidateRequestParameters: true", "ValidateRequestParameters: false", 200),
    ],
)
def test_method_validator_decides_what_is_validated(
    start_service: StartService, old: str, new: str, status: int
) -> None:
    template = TEMPLATE.replace(old, new).replace("Value: twenty-characters-key", "Name: any")
    service = start_service({"template.yaml": template, "code/app.py": APP}, handler=None)

    assert post(service, "/plain", [{"a": 1}], x_api_key="any").status == status
    bodies: tuple[object, ...] = ([], [{"a": "1"}], {})
    for invalid in bodies:
        response = post(service, "/plain?qs1=1", invalid, x_api_key="any", x_header_param="1")
        assert (response.status, response.json()) == (400, INVALID)
    valid = post(service, "/plain?qs1=1", [{"a": 1}], x_api_key="any", x_header_param="1")
    assert valid.json()["requestContext"]["identity"]["apiKey"] == "any"
    notice = "Rest requires an API key of Work, and any key passes"
    assert sum(notice in line for line in service.lines) == 1
