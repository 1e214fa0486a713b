import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from lambda_live.resources.emulator import Emulator
from support.aws import Aws
from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until

APP = """
import os

def handler(event, context):
    return dict(os.environ)
"""
CREATOR = """
          import cfnresponse, json

          def handler(event, context):
              with open("requests.jsonl", "a") as file:
                  file.write(json.dumps(event) + "\\n")
              properties = event["ResourceProperties"]
              if "Fail" in properties:
                  cfnresponse.send(event, context, cfnresponse.FAILED, {}, reason="no luck")
              elif "Raise" in properties:
                  raise KeyError("raised")
              elif "Silent" not in properties:
                  data = {"Length": len(properties["Name"]), "Upper": properties["Name"].upper()}
                  cfnresponse.send(event, context, cfnresponse.SUCCESS, data)
"""
TEMPLATE = f"""
Transform: AWS::Serverless-2016-10-31
Parameters:
  Size: {{Type: 'AWS::SSM::Parameter::Value<String>', Default: /app/size}}
  Zones: {{Type: 'AWS::SSM::Parameter::Value<List<String>>', Default: /app/zones}}
  Missing: {{Type: 'AWS::SSM::Parameter::Value<String>', Default: /app/missing}}
Resources:
  Stored: {{Type: AWS::SSM::Parameter, Properties: {{Name: /app/size, Type: String, Value: '5'}}}}
  User:
    Type: AWS::SecretsManager::Secret
    Properties: {{Name: app/user, SecretString: '{{"name": "ann", "age": 7}}'}}
  Key:
    Type: AWS::SecretsManager::Secret
    Properties: {{GenerateSecretString: {{PasswordLength: 40, ExcludePunctuation: true}}}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: code/
      Handler: app.handler
      Environment:
        Variables:
          SIZE: !Ref Size
          ZONE: !Select [1, !Ref Zones]
          USER: '{{{{resolve:secretsmanager:app/user:SecretString:name}}}}'
          AGE: !Sub '{{{{resolve:secretsmanager:${{User}}:SecretString:age::}}}} years'
          KEY: !Sub '{{{{resolve:secretsmanager:${{Key}}}}}}'
          SEEDED: '{{{{resolve:ssm:/app/zones}}}}'
          SECURE: '{{{{resolve:ssm-secure:/app/size:1}}}}'
          HIDDEN: '{{{{resolve:secretsmanager:seeded}}}}'
          MISSING: !Ref Missing
          LISTED: '{{{{resolve:secretsmanager:listed:SecretString:name}}}}'
          IMPORTED: !ImportValue network-Subnet
          LENGTH: !GetAtt Setup.Length
          UPPER: !Sub '${{Setup.Upper}}!'
  Creator:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      Code:
        ZipFile: |{CREATOR}
  Setup: {{Type: 'Custom::Setup', Properties: {{ServiceToken: !GetAtt Creator.Arn, Name: abc}}}}
  Unlucky:
    Type: AWS::CloudFormation::CustomResource
    Properties: {{ServiceToken: !GetAtt Creator.Arn, Fail: true}}
  Raising: {{Type: 'Custom::Raise', Properties: {{ServiceToken: !GetAtt Creator.Arn, Raise: 1}}}}
  Silent: {{Type: 'Custom::Silent', Properties: {{ServiceToken: !GetAtt Creator.Arn, Silent: 1}}}}
  Remote: {{Type: 'Custom::Remote', Properties: {{ServiceToken: 'arn:aws:sns:eu-west-1:1:x'}}}}
"""
PROJECT = {
    "template.yaml": TEMPLATE,
    "code/app.py": APP,
    "seed/parameters.json": '{"/app/zones": "a,b"}',
    "seed/secrets.json": '{"seeded": "hidden", "listed": "[1]"}',
}


@pytest.fixture(scope="module")
def service(start_module_service: StartService) -> LambdaService:
    return start_module_service(PROJECT, handler=None)


def variables(service: LambdaService) -> dict[str, str]:
    found = service.result("Work")
    assert isinstance(found, dict)
    return found


def test_references_to_parameters_and_secrets_have_their_values(service: LambdaService) -> None:
    found = variables(service)
    assert found["SIZE"] == found["SECURE"] == "5"
    assert found["ZONE"] == "b"
    assert found["USER"] == "ann"
    assert found["AGE"] == "7 years"
    assert found["SEEDED"] == "a,b"
    assert found["HIDDEN"] == "hidden"
    stored = Aws(service).secretsmanager.get_secret_value(SecretId="Key")["SecretString"]
    assert found["KEY"] == stored
    assert len(stored) == 40
    assert stored.isalnum()


def test_reference_without_a_value_alone_is_reported(service: LambdaService) -> None:
    notices = [each for each in service.lines if "--parameter" in each]
    assert any("parameter Missing is read from SSM (/app/missing)" in each for each in notices)
    assert any("network-Subnet is imported from another stack" in each for each in notices)
    assert not any("Size" in each for each in notices)
    assert all(":listed:" in each for each in notices if "resolve:" in each)  # no JSON object


def test_custom_resource_is_created_once_and_its_attributes_reach_functions(
    service: LambdaService,
) -> None:
    wait_until(lambda: variables(service).get("LENGTH") == "3", "the attribute")
    assert variables(service)["UPPER"] == "ABC!"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Unlucky", "Creator reported no luck"),
        ("Raising", "Creator failed with KeyError"),
        ("Silent", "Creator sent no response to ResponseURL"),
    ],
)
def test_custom_resource_that_fails_is_reported_with_its_place(
    service: LambdaService, name: str, problem: str
) -> None:
    line = service.wait_for_line(f"{name} was not created: {problem}")
    assert "template.yaml:" in line


def test_value_that_is_stored_later_is_read_at_the_next_save(service: LambdaService) -> None:
    Aws(service).ssm.put_parameter(Name="/app/missing", Value="found", Type="String")
    write_project(service.project, {"template.yaml": f"Description: saved\n{TEMPLATE}"})
    wait_until(lambda: variables(service)["MISSING"] == "found", "the parameter")
    assert variables(service)["LENGTH"] == "3"  # not created again


def test_changed_custom_resource_is_reported_with_its_line(service: LambdaService) -> None:
    service.wait_for_line("Silent was not created")
    changed = TEMPLATE.replace("Name: abc}", "Name: abcd}")
    write_project(service.project, {"template.yaml": changed})
    line = TEMPLATE[: TEMPLATE.index("  Setup:")].count("\n") + 1
    service.wait_for_line(f"template.yaml:{line}: Setup keeps its old attributes; `lambda-live aws")


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[str]:
    """The URL of an emulator that is not the service's own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environ = os.environ | {
        "BIND_HOST": "127.0.0.1",
        "DOCKER_HOST": f"unix://{tmp_path}/no-docker",
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "ERROR",
        "PYTHONPATH": str(Emulator.install(lambda _: None)),
    }
    with subprocess.Popen([sys.executable, "-m", "ministack.app"], env=environ) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def test_values_of_another_emulator_are_read_at_the_start(
    start_service: StartService, emulator: str
) -> None:
    options = {
        "endpoint_url": emulator,
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "config": Config(retries={"max_attempts": 20}),
    }
    output = {"Value": "subnet-1", "Export": {"Name": "network-Subnet"}}
    body = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Subnet": output}}
    stacks = boto3.client("cloudformation", **options)
    stacks.create_stack(StackName="network", TemplateBody=json.dumps(body))
    wait_until(lambda: stacks.list_exports()["Exports"], "the export")
    boto3.client("ssm", **options).put_parameter(Name="/app/missing", Value="it", Type="String")

    service = start_service(PROJECT, handler=None, AWS_ENDPOINT_URL=emulator)
    assert variables(service)["IMPORTED"] == "subnet-1"
    assert variables(service)["MISSING"] == "it"
    assert variables(service)["SIZE"] == "5"
    for name in ("Unlucky", "Raising", "Silent"):
        service.wait_for_line(f"{name} was not created")
