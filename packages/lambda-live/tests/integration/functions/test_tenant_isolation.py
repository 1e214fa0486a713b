"""A function with tenant isolation never shares an environment between tenants."""

import json
import subprocess
import sys
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.http import HttpResponse, request
from support.lambda_service import LambdaService, environment
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until

APP = """
import os
seen = []

def handler(event, context):
    seen.append(context.tenant_id)
    if "requestContext" in event:
        return {"statusCode": 200, "body": context.tenant_id}
    if event.get("crash"):
        os._exit(1)
    return {"seen": seen, "pid": os.getpid()}
"""
TEMPLATE = """
Resources:
  Isolated:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: function
      CodeUri: function
      Handler: app.handler
      Runtime: python3.12
      ReservedConcurrentExecutions: 2
      TenancyConfig: {TenantIsolationMode: PER_TENANT}
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      DefinitionBody:
        paths:
          /header: {get: {x-amazon-apigateway-integration: &tenant
            {type: aws_proxy, httpMethod: POST, uri: !GetAtt Isolated.Arn, requestParameters:
              {integration.request.header.X-Amz-Tenant-Id: method.request.header.x-tenant}}}}
          /{tenant}: {get: {x-amazon-apigateway-integration: {<<: *tenant, requestParameters:
              {integration.request.header.X-Amz-Tenant-Id: method.request.path.tenant}}}}
          /context: {get: {x-amazon-apigateway-integration: {<<: *tenant, requestParameters:
              {integration.request.header.X-Amz-Tenant-Id: context.stage}}}}
          /static: {get: {x-amazon-apigateway-integration: {<<: *tenant, requestParameters:
              {integration.request.header.X-Amz-Tenant-Id: "'fixed'"}}}}
  Shared:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: shared
      CodeUri: function
      Handler: app.handler
      Runtime: python3.12
      FunctionUrlConfig: {AuthType: NONE}
"""


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    project = {"function/app.py": APP, "template.yaml": TEMPLATE}
    return start_module_service(project, handler=None)


def invoke(service: LambdaService, tenant: str, **event: Any) -> Any:
    response = service.boto3.invoke(
        FunctionName="function", TenantId=tenant, Payload=json.dumps(event)
    )
    return service.json_of(response)


def test_tenants_never_share_environment(service: LambdaService) -> None:
    responses: dict[str, list[Any]] = {tenant: [] for tenant in ("blue", "green", "red")}
    for _ in range(2):  # two environments for three tenants: some are replaced
        for tenant, seen in responses.items():
            seen.append(invoke(service, tenant))

    for tenant, seen in responses.items():
        assert all(set(each["seen"]) == {tenant} for each in seen)
    pids = [{each["pid"] for each in seen} for seen in responses.values()]
    assert len(set.union(*pids)) == sum(map(len, pids))


def test_tenant_keeps_its_warm_environment(service: LambdaService) -> None:
    first, second = invoke(service, "blue"), invoke(service, "blue")

    assert first["pid"] == second["pid"]


def test_asynchronous_invocation_has_tenant(service: LambdaService) -> None:
    before = invoke(service, "later")
    service.boto3.invoke(
        FunctionName="function", TenantId="later", InvocationType="Event", Payload="{}"
    )

    wait_until(lambda: len(invoke(service, "later")["seen"]) > len(before["seen"]) + 1)


def test_checks_send_tenant_id(service: LambdaService) -> None:
    write_project(service.project, {"events/function/event.json": "{}"})
    command = [sys.executable, "-m", "lambda_live", "check", "--url", service.url, "--json"]
    for options, tenant in (([], "tenant"), (["--tenant", "blue"], "blue")):
        done = subprocess.run(
            [*command, *options],
            cwd=service.project,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        check = json.loads(done.stdout)["checks"][0]
        assert (check["error"], set(check["response"]["seen"])) == (None, {tenant})


MISSING = (
    "The invoked function is enabled with tenancy configuration. "
    "Add a valid tenant ID in your request and try again."
)
SUPERFLUOUS = (
    "The invoked function is not enabled with tenancy configuration. "
    "Remove the tenant ID from your request and try again."
)


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"FunctionName": "function"}, MISSING),
        ({"FunctionName": "shared", "TenantId": "blue"}, SUPERFLUOUS),
    ],
    ids=["missing", "superfluous"],
)
def test_wrong_tenant_id_is_rejected_as_on_aws(
    service: LambdaService, kind: str, parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(ClientError) as error:
        service.boto3.invoke(InvocationType=kind, **parameters)

    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert error.value.response["Error"]["Message"] == message
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("tenant", ["white*space", "x" * 257])
def test_invalid_tenant_id_is_a_validation_error(service: LambdaService, tenant: str) -> None:
    response = service.invoke({}, {"X-Amz-Tenant-Id": tenant})

    assert (response.status, response.headers["x-amzn-errortype"]) == (400, "ValidationException")
    assert f"Value '{tenant}' at 'tenantId' failed" in response.json()["message"]


def test_tenant_of_the_page_is_sent_shown_and_repeated(service: LambdaService) -> None:
    def call(path: str, **body: Any) -> HttpResponse:
        headers = {"Content-Type": "application/json"}
        return request(
            service.admin_url, "POST", f"/api/{path}", json.dumps(body).encode(), headers
        )

    missing = call("invoke", function="function", event="{}")
    assert missing.status == 409
    assert "tenant" in missing.json()["message"]
    assert call("invoke", function="function", event="{}", tenantId="a;b").status == 400

    sent = call("invoke", function="function", event="{}", tenantId="page").json()
    assert json.loads(sent["response"]["text"])["seen"] == ["page"]
    again = call(f"rows/{sent['id']}/rerun").json()
    assert json.loads(again["response"]["text"])["seen"] == ["page", "page"]
    assert again["tenantId"] == "page"
    snippets = service.admin(f"/api/rows/{sent['id']}/snippets").json()
    assert "X-Amz-Tenant-Id: page" in snippets["curl"]
    assert "TenantId='page'" in snippets["boto3"]


def test_rest_api_passes_the_mapped_tenant_id(service: LambdaService) -> None:
    header = service.request("GET", "/header", headers={"X-Tenant": "blue"})
    others = [service.request("GET", f"/{path}") for path in ("green", "context", "static")]

    assert header.body == b"blue"
    assert [each.body for each in others] == [b"green", b"live", b"fixed"]
    assert service.request("GET", "/header").status == 500
    assert not any("requestParameters has no effect" in line for line in service.lines)
