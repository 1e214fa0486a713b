"""Settings of `samconfig.toml` have the same effect as for AWS SAM CLI."""

import json
from pathlib import Path

import pytest

from lambda_live.cli.command_line import parse
from lambda_live.cli.describe import main as describe
from lambda_live.model.function import FunctionConfiguration
from lambda_live.project.config import Config
from support.project import write_project

TEMPLATE = """
Parameters:
  Stage: {Type: String, Default: dev}
  Table: {Type: String}
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "orders-${Stage}"
      Runtime: python3.12
      CodeUri: code/
      Handler: app.handler
      Environment:
        Variables: {STAGE: !Ref Stage, TABLE: !Ref Table, REGION: !Ref AWS::Region}
"""


def given(folder: Path, *args: str, files: dict[str, str], **environ: str) -> Config:
    write_project(folder, {"template.yaml": TEMPLATE, "code/app.py": "", **files})
    return parse(args, environ, folder)


def only(folder: Path, *args: str, **files: str) -> FunctionConfiguration:
    named = {name.replace("_", "."): text for name, text in files.items()}
    (function,) = given(folder, *args, files=named).functions
    return function


@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-west-1", "aws")],
)
def test_arns_of_template_have_account_and_partition(
    tmp_path: Path, region: str, partition: str
) -> None:
    template = TEMPLATE.replace("!Ref AWS::Region", "!GetAtt Orders.Arn")
    files = {"template.yaml": template, ".env": "AWS_ACCOUNT_ID=210987654321\n"}
    (function,) = given(tmp_path, files=files, AWS_REGION=region).functions

    assert function.arn == f"arn:{partition}:lambda:{region}:210987654321:function:orders-dev"
    assert function.environment["REGION"] == function.arn


@pytest.mark.parametrize(
    "overrides",
    [
        '"Stage=test Table=\\"my table\\""',
        '["Stage=test", "Table=my table"]',
        "\"ParameterKey=Stage,ParameterValue=test ParameterKey=Table,ParameterValue='my table'\"",
        '{Stage = "test", Table = "my table"}',
    ],
)
def test_parameter_overrides_of_local_commands_are_used(tmp_path: Path, overrides: str) -> None:
    text = f"version = 0.1\n[default.local_start_api.parameters]\nparameter_overrides = {overrides}"
    assert only(tmp_path, samconfig_toml=text).environment["TABLE"] == "my table"
    assert only(tmp_path, samconfig_toml=text).name == "orders-test"


def test_command_line_comes_before_command_and_global_sections(tmp_path: Path) -> None:
    text = """
[default.global.parameters]
parameter_overrides = "Stage=global Table=global"
[default.local_invoke.parameters]
parameter_overrides = "Stage=invoke"
"""
    function = only(tmp_path, "--parameter", "Table=mine", samconfig_toml=text)
    assert function.name == "orders-invoke"
    assert function.environment["TABLE"] == "mine"


def test_deployed_parameters_are_used_without_a_default(tmp_path: Path) -> None:
    text = '[default.deploy.parameters]\nparameter_overrides = "Stage=prod Table=orders"'
    function = only(tmp_path, samconfig_toml=text)
    assert function.name == "orders-dev"
    assert function.environment["TABLE"] == "orders"


def test_region_of_deploy_is_used_unless_the_shell_sets_one(tmp_path: Path) -> None:
    files = {"samconfig.toml": '[default.deploy.parameters]\nregion = "eu-west-1"'}
    (there,) = given(tmp_path, files=files).functions
    assert (there.environment["REGION"], there.account.region) == ("eu-west-1", "eu-west-1")
    (here,) = given(tmp_path, files=files, AWS_REGION="eu-north-1").functions
    assert here.environment["REGION"] == "eu-north-1"


def test_env_vars_are_used_if_the_template_declares_them(tmp_path: Path) -> None:
    variables = {
        "Parameters": {"STAGE": "all", "TABLE": "all"},
        "Orders": {"TABLE": "local", "OTHER": "unknown to the template"},
    }
    text = '[default.local_start_api.parameters]\nenv_vars = "env.json"'
    function = only(tmp_path, samconfig_toml=text, env_json=json.dumps(variables))
    assert function.local_environment == {"STAGE": "all", "TABLE": "local"}
    write_project(tmp_path, {".env": "TABLE=mine"})
    assert only(tmp_path, samconfig_toml=text).local_environment["TABLE"] == "mine"


def test_missing_env_vars_file_is_reported(tmp_path: Path) -> None:
    text = '[default.local_start_api.parameters]\nenv_vars = "env.json"'
    config = given(tmp_path, files={"samconfig.toml": text})
    problem = "env_vars names env.json, which does not exist; create it or remove env_vars"
    assert f"{tmp_path}/samconfig.toml:2: {problem}" in config.startup_notices


def test_samconfig_can_be_yaml(tmp_path: Path) -> None:
    text = "default: {global: {parameters: {parameter_overrides: [Stage=test, Table=t]}}}"
    assert only(tmp_path, samconfig_yaml=text).name == "orders-test"


def test_all_files_are_watched_before_they_exist(tmp_path: Path) -> None:
    text = '[default.global.parameters]\nenv_vars = "env.json"'
    names = {file.name for file in given(tmp_path, files={"samconfig.toml": text}).files}
    assert {"samconfig.toml", "samconfig.yaml", "env.json"} <= names


DEEP = "[" * 20_000 + "]" * 20_000
TWO_COMMANDS = """
[default.local_invoke.parameters]
parameter_overrides = "Stage=test"
[default.deploy.parameters]
parameter_overrides = 'Stage="test'
"""


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"samconfig.toml": "version = 0.1\n[default\n"}, "samconfig.toml:2: invalid TOML"),
        ({"samconfig.toml": "[default]\n\na = [\n"}, "samconfig.toml:4: invalid TOML"),
        ({"samconfig.yaml": "a: [\n"}, "samconfig.yaml:2: invalid YAML"),
        ({"samconfig.yaml": "a:\n  b: c\n d: e\n"}, "samconfig.yaml:3: invalid YAML"),
        (
            {"samconfig.toml": '[default.global.parameters]\nparameter_overrides = "Stage"'},
            "samconfig.toml:2: invalid parameter_overrides of global: 'Stage' is not NAME=VALUE",
        ),
        (
            {
                "samconfig.toml": '[default.global.parameters]\nenv_vars = "env.json"',
                "env.json": "{\n1}",
            },
            "env.json:2: invalid JSON",
        ),
        (
            {"samconfig.toml": TWO_COMMANDS},
            "samconfig.toml:5: invalid parameter_overrides of deploy: No closing quotation",
        ),
        ({"samconfig.toml": f"\na = {DEEP}"}, "samconfig.toml:2: invalid TOML: the values are"),
        ({"samconfig.yaml": f"a: {DEEP}"}, "samconfig.yaml:1: the values are nested too deeply"),
        (
            {
                "samconfig.toml": '[default.global.parameters]\nenv_vars = "env.json"',
                "env.json": DEEP,
            },
            "env.json:1: invalid JSON: it is nested too deeply",
        ),
    ],
)
def test_invalid_samconfig_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], message: str
) -> None:
    with pytest.raises(SystemExit) as end:
        given(tmp_path, files=files)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["samconfig.toml", "samconfig.yaml", "env.json"])
def test_samconfig_that_is_not_utf8_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    files = {"samconfig.toml": '[default.global.parameters]\nenv_vars = "env.json"'}
    given(tmp_path, files=files | {"env.json": "{}"})
    if name == "samconfig.yaml":
        (tmp_path / "samconfig.toml").unlink()
    (tmp_path / name).write_bytes(b"\xff")
    with pytest.raises(SystemExit):
        parse([], {}, tmp_path)
    assert f"{tmp_path / name}:1: the line is not UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "default = 1", "[default]\nglobal = []", "[prod.global]"])
def test_samconfig_without_options_changes_nothing(tmp_path: Path, text: str) -> None:
    assert only(tmp_path, samconfig_toml=text).name == "orders-dev"


def test_image_context_uses_samconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = '[default.global.parameters]\nenv_vars = "env.json"\nparameter_overrides = "Stage=test"'
    given(tmp_path, files={"samconfig.toml": text, "env.json": "{}"})
    monkeypatch.chdir(tmp_path)
    describe([])
    described = json.loads(capsys.readouterr().out)
    assert described["functions"][0]["name"] == "orders-test"
    assert {"samconfig.toml", "env.json"} <= set(described["files"])
