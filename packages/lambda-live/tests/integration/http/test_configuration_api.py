import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.lambda_service import LambdaService
from support.service_starter import StartService

ARN = "arn:aws:lambda:us-east-1:123456789012:function:Orders"
TWO = {
    "template.yaml": """
Transform: AWS::Serverless-2016-10-31
Globals:
  Function: {Runtime: python3.12, CodeUri: code/, Handler: app.handler}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 20
      MemorySize: 256
      ReservedConcurrentExecutions: 2
      Description: Takes orders
      Architectures: [arm64]
      EphemeralStorage: {Size: 1024}
      LoggingConfig: {LogGroup: /orders}
      TenancyConfig: {TenantIsolationMode: PER_TENANT}
      Layers: [!Ref Shared]
      Environment: {Variables: {TABLE: orders}}
      FunctionUrlConfig:
        AuthType: NONE
        Cors: {AllowOrigins: ["https://example.com"], AllowMethods: [GET], MaxAge: 60}
  Other: {Type: AWS::Serverless::Function}
  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}
""",
    "layer/python/shared.py": "A = 1\n",
    "code/app.py": "def handler(event, context): return 'ran'\n",
}


@pytest.fixture(scope="module")
def two(start_module_service: StartService) -> LambdaService:
    return start_module_service(TWO, "--timeout=20", handler=None)


def test_list_functions_returns_all_functions(two: LambdaService) -> None:
    pages = two.boto3.get_paginator("list_functions").paginate()

    names = [each["FunctionName"] for page in pages for each in page["Functions"]]
    assert names == ["Orders", "Other"]


def test_list_versions_returns_latest_only(two: LambdaService) -> None:
    (version,) = two.boto3.list_versions_by_function(FunctionName="Orders")["Versions"]

    assert (version["FunctionName"], version["Version"]) == ("Orders", "$LATEST")


@pytest.mark.parametrize("name", ["Orders", "Orders:$LATEST", ARN])
def test_get_function_returns_its_configuration(two: LambdaService, name: str) -> None:
    response = two.boto3.get_function(FunctionName=name)

    configuration = response["Configuration"]
    assert configuration["FunctionArn"] == ARN
    assert (configuration["Timeout"], configuration["MemorySize"]) == (20, 256)
    assert configuration["Handler"] == "app.handler"
    assert configuration["Environment"] == {"Variables": {"TABLE": "orders"}}
    assert configuration["LoggingConfig"]["LogFormat"] == "Text"
    assert response["Code"]["Location"] == (two.project / "code").as_uri()
    assert response["Concurrency"] == {"ReservedConcurrentExecutions": 2}
    same = two.boto3.get_function_configuration(FunctionName=name)
    assert configuration.items() <= same.items()


def test_configuration_has_values_of_template(two: LambdaService) -> None:
    configuration = two.boto3.get_function_configuration(FunctionName="Orders")

    assert configuration["Description"] == "Takes orders"
    assert configuration["Architectures"] == ["arm64"]
    assert configuration["EphemeralStorage"] == {"Size": 1024}
    assert configuration["LoggingConfig"]["LogGroup"] == "/orders"
    assert configuration["TenancyConfig"] == {"TenantIsolationMode": "PER_TENANT"}
    assert configuration["Layers"] == [
        {"Arn": "arn:aws:lambda:us-east-1:123456789012:layer:Shared:1"}
    ]
    assert configuration["CodeSize"] == len(TWO["code/app.py"])


@pytest.mark.parametrize("waiter", ["function_active_v2", "function_updated_v2"])
def test_aws_waiters_return_once_function_is_loaded(two: LambdaService, waiter: str) -> None:
    two.boto3.get_waiter(waiter).wait(FunctionName="Other")


def test_function_url_config_has_reachable_url_and_cors(two: LambdaService) -> None:
    config = two.boto3.get_function_url_config(FunctionName="Orders")

    port = urllib.parse.urlsplit(two.url).port
    assert config["FunctionUrl"] == f"http://orders.localhost:{port}/"
    assert config["Cors"] == {
        "AllowOrigins": ["https://example.com"],
        "AllowMethods": ["GET"],
        "MaxAge": 60,
    }
    listed = two.boto3.list_function_url_configs(FunctionName="Orders")["FunctionUrlConfigs"]
    assert [each["FunctionUrl"] for each in listed] == [config["FunctionUrl"]]


def test_account_settings_subtract_reserved_concurrency(two: LambdaService) -> None:
    settings = two.boto3.get_account_settings()

    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 998
    assert settings["AccountUsage"]["FunctionCount"] == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get_function(FunctionName="Nobody"),
        lambda client: client.get_function_configuration(FunctionName="Nobody"),
    ],
)
def test_unknown_function_is_not_found(two: LambdaService, call: Callable[[Any], Any]) -> None:
    with pytest.raises(ClientError) as raised:
        call(two.boto3)

    assert raised.value.response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": f"Function not found: {ARN.replace('Orders', 'Nobody')}",
    }


def test_url_of_unknown_function_is_not_found(two: LambdaService) -> None:
    with pytest.raises(ClientError) as raised:
        two.boto3.get_function_url_config(FunctionName="Nobody")

    message = "The resource you requested does not exist."  # LocalStack's snapshot of AWS
    assert raised.value.response["Error"]["Message"] == message


def test_unsupported_operation_is_an_error_and_invokes_nothing(two: LambdaService) -> None:
    before = two.metric("lambda_invocations_total")

    with pytest.raises(ClientError, match="UnknownOperationException"):
        two.boto3.publish_version(FunctionName="Orders")
    response = two.request("GET", "/2099-12-31/whatever", headers={"Host": "orders.localhost"})

    assert (response.status, response.headers["x-amzn-errortype"]) == (
        404,
        "UnknownOperationException",
    )
    assert two.metric("lambda_invocations_total") == before
