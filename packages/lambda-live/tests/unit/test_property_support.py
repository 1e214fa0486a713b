"""Properties and resources of a template that have no effect here are reported."""

from pathlib import Path

import pytest
from samtranslator.model.lambda_ import LambdaFunction
from samtranslator.model.sam_resources import SamFunction

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
