"""Properties and resources of a template that have no effect here are reported."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from botocore.session import get_session
from samtranslator.internal.schema_source import (
    aws_serverless_api,
    aws_serverless_function,
    aws_serverless_httpapi,
)
from samtranslator.model.lambda_ import LambdaFunction
from samtranslator.model.sam_resources import SamFunction
from samtranslator.plugins.globals.globals import Globals

from lambda_live.cli.command_line import parse
from lambda_live.model.template import Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template
from support.project import write_project

SAM = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.12
      {line}
{more}
"""


def read(folder: Path, line: str = "", more: str = "") -> Template:
    (folder / "app.py").touch()
    path = folder / "template.yaml"
    path.write_text(SAM.format(line=line, more=more), encoding="utf-8")
    return read_template(path, {})


@pytest.mark.parametrize(
    ("line", "notice"),
    [
        ("DurableConfig: {ExecutionTimeout: 60}", "DurableConfig has no effect: durable execution"),
        ("FileSystemConfigs: [{Arn: a}]", "FileSystemConfigs has no effect: file systems are not"),
        ("SnapStart: {ApplyOn: PublishedVersions}", "SnapStart has no effect: SnapStart is not"),
        ("CapacityProviderConfig: {A: {}}", "CapacityProviderConfig has no effect: the capacity"),
        ("Anything: 1", "unknown property Anything; it has no effect here"),
        ("Timout: 1", "unknown property Timout; did you mean Timeout?"),
    ],
)
def test_property_without_effect_is_reported_by_line(
    tmp_path: Path, line: str, notice: str
) -> None:
    (found,) = read(tmp_path, line).notices

    assert found.startswith(f"{tmp_path}/template.yaml:9: {notice}")


def test_property_that_is_turned_off_or_local_is_not_reported(tmp_path: Path) -> None:
    assert read(tmp_path, "SnapStart: {ApplyOn: None}").notices == ()
    assert read(tmp_path, "VpcConfig: {SubnetIds: [!Ref Subnet]}").notices == ()


def test_variables_beyond_the_limit_are_reported(tmp_path: Path) -> None:
    (found,) = read(tmp_path, f"Environment: {{Variables: {{LARGE: {'x' * 4090}}}}}").notices

    assert "template.yaml:9: the variables have 4,102 bytes, and AWS accepts 4,096" in found
    assert read(tmp_path, f"Environment: {{Variables: {{LARGE: {'x' * 4080}}}}}").notices == ()


@pytest.mark.parametrize(
    "kind", ["Serverless::WebFunction", "Serverless::WebSocketApi", "Serverless::GraphQLApi"]
)
def test_resource_that_is_not_served_is_reported(tmp_path: Path, kind: str) -> None:
    (skipped,) = read(tmp_path, more=f"  Other: {{Type: 'AWS::{kind}'}}").skipped

    assert (skipped.logical_id, skipped.line) == ("Other", 10)
    assert "not" in skipped.reason


def test_every_property_of_aws_is_known(tmp_path: Path) -> None:
    own = {"CodeUri", "Handler", "Runtime"}
    names = sorted({*SamFunction.property_types, *LambdaFunction.property_types} - own)
    lines = "\n      ".join(f"{name}: !Ref AWS::NoValue" for name in names)

    assert read(tmp_path, lines).notices == ()


MISSPELT = """
Transform: AWS::Serverless-2016-10-31
Paramaters: {}
Globals: {Functions: {Timeout: 1}, Function: {Timeout: 5, FunctionName: x, Envronment: {}}}
Resources:
  Api: {Type: AWS::Serverless::Api, Propertis: {}, Properties: {StageName: a, Cros: "'*'"}}
  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration: !If [Always, {AllowOrigin: a}, {}]
      RouteSettings: {"GET /": {ThrottlingRatelimit: 1}}
      Auth: {Authorizers: {One: {JwtConfiguration: {Audiences: []}}}}
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibiltyTimeout: 60}}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {FunctionName: !Ref Work, DestinationConfig: {OnFailed: {}}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.12
      FunctionUrlConfig: {AuthType: NONE, Cors: {AllowOrigin: "*"}}
      EventInvokeConfig: {MaxRetryAttempts: 1}
      Events:
        Get: {Type: HttpApi, Propertis: {Path: /}}
        One:
          Type: SQS
          Properties:
            Queue: !GetAtt Queue.Arn
            Batchsize: 1
            FilterCriteria: {Filters: [{Patern: "{}"}]}
Conditions: {Always: !Equals [a, a]}
"""


def test_misspelt_names_are_reported_in_every_section(tmp_path: Path) -> None:
    write_project(tmp_path, {"template.yaml": MISSPELT, "app.py": ""})

    notices = read_template(tmp_path / "template.yaml", {}).notices

    hints = [each.partition("template.yaml:")[2] for each in notices if "EventSource" not in each]
    assert sorted(hints, key=lambda each: (int(each.partition(":")[0]), each)) == [
        "3: unknown property Paramaters; did you mean Parameters?",
        "4: AWS rejects FunctionName in Globals; write it below each resource",
        "4: unknown property Envronment; did you mean Environment?",
        "4: unknown property Functions; did you mean Function?",
        "6: unknown property Cros; did you mean Cors?",
        "6: unknown property Propertis; did you mean Properties?",
        "10: unknown property AllowOrigin; did you mean AllowOrigins?",
        "11: unknown property ThrottlingRatelimit; did you mean ThrottlingRateLimit?",
        "12: unknown property Audiences; did you mean Audience?",
        "13: unknown property VisibiltyTimeout; did you mean VisibilityTimeout?",
        "16: unknown property OnFailed; did you mean OnFailure?",
        "23: unknown property AllowOrigin; did you mean AllowOrigins?",
        "24: unknown property MaxRetryAttempts; did you mean MaximumRetryAttempts?",
        "26: unknown property Propertis; did you mean Properties?",
        "31: unknown property Batchsize; did you mean BatchSize?",
        "32: unknown property Patern; did you mean Pattern?",
    ]


UNKNOWN_TARGETS = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.12
      DeadLetterQueue: {Type: SQS}
      EventInvokeConfig:
        DestinationConfig:
          OnFailure: {Type: SNS}
      Events:
        Get: {Type: HttpApi, Properties: {ApiId: !Ref Gone, Path: /a, Method: get}}
        Own: {Type: HttpApi, Properties: {Path: /b, Method: get}}
"""


def test_targets_and_apis_that_are_missing_are_reported(tmp_path: Path) -> None:
    write_project(tmp_path, {"template.yaml": UNKNOWN_TARGETS, "app.py": ""})

    notices = read_template(tmp_path / "template.yaml", {}).notices

    assert sorted(each.partition("template.yaml:")[2].partition(";")[0] for each in notices) == [
        "12: OnFailure has no effect: it has no Destination",
        "14: Gone is not an API of this template, so AWS rejects the event",
        "9: DeadLetterQueue has no effect: it has no TargetArn",
    ]


def tree(model: Any) -> Any:
    """Return all names that a model of AWS's translator accepts, with the names below them."""
    if get_origin(model) in {Union, UnionType}:
        trees = [each for each in map(tree, get_args(model)) if isinstance(each, dict)]
        return {name: below for each in trees for name, below in each.items()} or None
    if get_origin(model) in {dict, list}:
        below = tree(get_args(model)[-1])
        return below and ({"Any": below} if get_origin(model) is dict else [below])
    fields = getattr(model, "__fields__", {})
    hints = get_type_hints(model) if fields and "__root__" not in fields else {}
    return {name: tree(hint) for name, hint in hints.items() if name in fields} or None


APIS = {"Api": aws_serverless_api.Properties, "HttpApi": aws_serverless_httpapi.Properties}
EVENTS = (
    *("Api", "CloudWatchEvent", "DynamoDB", "EventBridgeRule", "HttpApi", "Kinesis", "S3", "SNS"),
    *("SQS", "Schedule", "ScheduleV2"),
)
OPERATIONS = {
    "ApiGateway::Method": ("apigateway", "PutMethod"),
    "ApiGatewayV2::Api": ("apigatewayv2", "CreateApi"),
    "ApiGatewayV2::Authorizer": ("apigatewayv2", "CreateAuthorizer"),
    "ApiGatewayV2::Integration": ("apigatewayv2", "CreateIntegration"),
    "ApiGatewayV2::Route": ("apigatewayv2", "CreateRoute"),
    "Events::Rule": ("events", "PutRule"),
    "Lambda::EventInvokeConfig": ("lambda", "PutFunctionEventInvokeConfig"),
    "Lambda::EventSourceMapping": ("lambda", "CreateEventSourceMapping"),
    "SQS::Queue": ("sqs", "CreateQueue"),
}
NOT_IN_TEMPLATES = {"KMSKeyArn", "Attributes", "tags"}


def known_properties() -> Iterator[tuple[str, Any]]:
    for kind, model in APIS.items():
        yield f"Serverless::{kind}", {**tree(model), "DefinitionUri": None}
    session = get_session()
    for kind, (service, operation) in OPERATIONS.items():
        members = session.get_service_model(service).operation_model(operation).input_shape.members
        names = {each[0].upper() + each[1:] for each in members.keys() - NOT_IN_TEMPLATES}
        yield kind, dict.fromkeys(names)
    models = vars(aws_serverless_function)
    events = {each: tree(models[f"{each.removesuffix('Event')}Event"]) for each in EVENTS}
    named = {kind: {**each, "Type": kind} for kind, each in events.items()}
    function = {**tree(aws_serverless_function.Properties), "CodeUri": "."}
    yield "Serverless::Function", {**function, "Events": named}


def test_every_name_of_aws_is_known_in_every_section(tmp_path: Path) -> None:
    resources = {
        f"One{number}": {"Type": f"AWS::{kind}", "Properties": properties}
        for number, (kind, properties) in enumerate(known_properties())
    }
    work = {"CodeUri": ".", "Handler": "app.handler", "Runtime": "python3.12"}
    resources["Work"] = {"Type": "AWS::Lambda::Function", "Properties": work}
    text = json.dumps({"Resources": resources})
    write_project(tmp_path, {"template.yaml": text, "app.py": ""})

    notices = read_template(tmp_path / "template.yaml", {}).notices

    assert [each for each in notices if "unknown property" in each] == []


@pytest.mark.parametrize(
    ("section", "model"), [*APIS.items(), ("Function", aws_serverless_function.Properties)]
)
def test_globals_accept_what_aws_accepts(tmp_path: Path, section: str, model: Any) -> None:
    names = list(tree(model))
    lines = json.dumps({"Globals": {section: dict.fromkeys(names)}})[1:-1]
    write_project(
        tmp_path, {"template.yaml": f"{lines}\n{SAM.format(line='', more='')}", "app.py": ""}
    )

    notices = read_template(tmp_path / "template.yaml", {}).notices

    rejected = {each.split()[3] for each in notices if "in Globals" in each}
    assert rejected == set(names) - set(Globals.supported_properties[f"AWS::Serverless::{section}"])


def test_ignored_globals_do_not_apply(tmp_path: Path) -> None:
    text = SAM.format(line="", more="    IgnoreGlobals: [Timeout]\n")
    text += "Globals: {Function: {Timeout: 9, MemorySize: 512}}"
    write_project(tmp_path, {"template.yaml": text, "app.py": ""})

    (function,) = read_template(tmp_path / "template.yaml", {}).functions

    assert (function.timeout, function.memory) == (3, 512)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("CapacityProviderConfig: {A: 1}", "from 1 to 5400"),
        ("PackageType: Zip", "from 1 to 900"),
    ],
)
def test_managed_instances_have_higher_limits(tmp_path: Path, line: str, hint: str) -> None:
    with pytest.raises(TemplateError, match=hint):
        read(tmp_path, f"Timeout: 5401\n      {line}")


def test_preview_runtime_runs_on_the_nearest_version(tmp_path: Path) -> None:
    text = SAM.format(line="", more="").replace("python3.12", "python3.15")
    write_project(tmp_path, {"template.yaml": text, "app.py": ""})

    config = parse([], {}, tmp_path)

    (notice,) = config.notices
    assert "Work: python3.15 is a preview on AWS and is not installed; running on" in notice
    assert config.functions[0].runtime == "python3.15"
