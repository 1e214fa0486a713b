"""Functions, parameters and layers of templates."""

import json
from pathlib import Path

import pytest

from lambda_live.dependencies.requirements import collect_requirements
from lambda_live.model.template import FunctionSpec, Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template

INTRINSICS = """
Parameters:
  Stage: {Type: String, Default: dev}
  Table: {Type: String}
Mappings:
  Sizes: {dev: {Memory: 256}, prod: {Memory: 1024}}
Conditions:
  IsProduction: !Equals [!Ref Stage, prod]
Globals:
  Function:
    Runtime: python3.12
    Environment: {Variables: {STAGE: !Ref Stage}}
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Join ["-", [work, !Ref Stage]]
      CodeUri: code
      Handler: app.handler
      MemorySize: !FindInMap [Sizes, !Ref Stage, Memory]
      Timeout: !If [IsProduction, 30, 5]
      Environment:
        Variables:
          WHERE: !Sub "${AWS::Region}/${Stage}"
          TABLE: !Ref Table
          PART: !Select [1, !Split [",", "a,b"]]
      Layers: [!Ref Shared]
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: layer}
  Other:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: index.handler, Runtime: nodejs22.x}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "layer").mkdir()
    (tmp_path / "code/app.py").touch()
    return tmp_path


def template(folder: Path, text: str, **overrides: str) -> Template:
    path = folder / "template.yaml"
    path.write_text(text, encoding="utf-8")
    return read_template(path, overrides)


def only(folder: Path, text: str, **overrides: str) -> FunctionSpec:
    (function,) = template(folder, text, **overrides).functions
    return function


def test_defaults_and_pseudo_parameters_are_resolved(folder: Path) -> None:
    function = only(folder, INTRINSICS)

    assert function.name == "work-dev"
    assert (function.memory, function.timeout) == (256, 5)
    assert function.environment is not None
    assert function.environment["STAGE"] == "dev"
    assert function.environment["WHERE"] == "us-east-1/dev"
    assert function.environment["PART"] == "b"
    assert [layer.content for layer in function.layers] == [folder / "layer"]


def test_parameters_can_be_set(folder: Path) -> None:
    function = only(folder, INTRINSICS, Stage="prod", Table="orders")

    assert function.name == "work-prod"
    assert (function.memory, function.timeout) == (1024, 30)
    assert function.environment is not None
    assert function.environment["TABLE"] == "orders"


def test_attribute_can_be_overridden(folder: Path) -> None:
    text = INTRINSICS.replace("TABLE: !Ref Table", "TABLE: !GetAtt Pool.UserPoolId")
    assert "Pool.UserPoolId=VALUE" in template(folder, text).notices[0]

    found = template(folder, text, **{"Pool.UserPoolId": "pool-1"})

    assert found.notices == ()
    (function,) = found.functions
    assert function.environment is not None
    assert function.environment["TABLE"] == "pool-1"


@pytest.mark.parametrize(
    ("value", "text"),
    [("!Sub ['${Items}', {Items: !Split ['-', 'a-b']}]", "a,b"), ("5", "5"), ("true", "true")],
)
def test_values_become_text_like_in_cloudformation(folder: Path, value: str, text: str) -> None:
    function = only(folder, INTRINSICS.replace("TABLE: !Ref Table", f"TABLE: {value}"))

    assert function.environment is not None
    assert function.environment["TABLE"] == text


def test_unresolved_names_and_skipped_functions_are_reported_once(folder: Path) -> None:
    found = template(folder, INTRINSICS)

    assert len(found.notices) == 1
    assert "--parameter Table=VALUE" in found.notices[0]
    assert [each.logical_id for each in found.skipped] == ["Other"]
    assert "nodejs22.x" in found.skipped[0].reason


def test_cdk_metadata_names_the_code_folder(folder: Path) -> None:
    path = folder / "stack.template.json"
    resource = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Code": {"S3Bucket": {"Fn::Sub": "cdk-${AWS::AccountId}"}, "S3Key": "0.zip"},
            "Handler": "app.handler",
            "Runtime": "python3.13",
        },
        "Metadata": {"aws:asset:path": "code"},
    }
    path.write_text(json.dumps({"Resources": {"Work0A1B": resource}}), encoding="utf-8")

    (function,) = read_template(path, {}).functions

    assert (function.logical_id, function.code_uri) == ("Work0A1B", folder / "code")
    assert function.runtime == "python3.13"


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("CodeUri: code\n", "CodeUri: nowhere\n", 18, "nowhere"),
        ("Handler: app.handler", "Handler: app", 19, "use MODULE.FUNCTION"),
        ("Runtime: python3.12", "Runtime: python3.99", None, "python3.99"),
        ("!If [IsProduction, 30, 5]", "901", 21, "900"),
        ("!If [IsProduction, 30, 5]", "soon", 21, "soon"),
    ],
)
def test_error_names_the_line_and_the_fix(
    folder: Path, old: str, new: str, line: int | None, why: str
) -> None:
    with pytest.raises(TemplateError) as raised:
        template(folder, INTRINSICS.replace(old, new))

    assert why in str(raised.value)
    assert line is None or raised.value.line == line


def test_missing_handler_module_is_refused_without_layers(
    folder: Path,
) -> None:
    missing = INTRINSICS.replace("Handler: app.handler", "Handler: no.handler")

    assert only(folder, missing).handler == "no.handler"
    with pytest.raises(TemplateError, match=r"no\.py"):
        template(folder, missing.replace("      Layers: [!Ref Shared]\n", ""))


def test_duplicate_key_is_reported_and_the_last_is_used(folder: Path) -> None:
    """Like SAM CLI: many published templates have duplicate keys."""
    twice = INTRINSICS.replace("      Handler: app", "      Handler: no.no\n      Handler: app")

    found = template(folder, twice.replace("Table: {Type: String}", "Table: {Default: a}"))

    assert found.functions[0].handler == "app.handler"
    problem = f"{folder}/template.yaml:20: duplicate key Handler, first on line 19"
    assert found.notices == (f"{problem}; the last one is used, remove the other",)


PUBLISHED = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: code
      Handler: app.handler
      Layers:
        - !Sub "{layer}"
"""
REGION = "arn:aws:lambda:${AWS::Region}"


@pytest.mark.parametrize(
    ("layer", "package"),
    [
        (
            f"{REGION}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-arm64:7",
            "aws-lambda-powertools[all]>=3,<4",
        ),
        (
            f"{REGION}:017000801446:layer:AWSLambdaPowertoolsPythonV2:32",
            "aws-lambda-powertools[all]>=2,<3",
        ),
        (f"{REGION}:017000801446:layer:AWSLambdaPowertoolsPython:9", "aws-lambda-powertools>=1,<2"),
        (
            "{{resolve:ssm:/aws/service/powertools/python/arm64/python3.12/latest}}",
            "aws-lambda-powertools[all]>=3,<4",
        ),
        (f"{REGION}:336392948345:layer:AWSSDKPandas-Python312-Arm64:13", "awswrangler"),
    ],
)
def test_public_layer_is_replaced_by_its_package(folder: Path, layer: str, package: str) -> None:
    found = template(folder, PUBLISHED.replace("{layer}", layer))
    (function,) = found.functions
    (published,) = collect_requirements(function, folder)
    assert published.text == f"{package}\n"
    assert published.source == folder / "template.yaml"
    (notice,) = found.notices
    assert notice.startswith(f"{folder}/template.yaml:9: the layer ")
    assert f"is replaced by the package {package};" in notice


def test_layer_with_an_extension_is_reported_as_such(folder: Path) -> None:
    layer = f"{REGION}:580247275435:layer:LambdaInsightsExtension-Arm64:1"
    (notice,) = template(folder, PUBLISHED.replace("{layer}", layer)).notices
    assert notice.endswith("Extension-Arm64:1 has no effect: extensions are not supported")


def test_layer_of_another_account_is_reported(folder: Path) -> None:
    layer = f"{REGION}:123456789012:layer:AWSLambdaPowertoolsPythonV3:7"
    found = template(folder, PUBLISHED.replace("{layer}", layer))
    (function,) = found.functions
    assert collect_requirements(function, folder) == []
    (notice,) = found.notices
    assert "is not local; add its packages to requirements.txt" in notice


def test_layer_that_is_not_built_is_reported(folder: Path) -> None:
    layer = """
  Libs:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: libs}
"""
    (folder / "libs").mkdir()
    (folder / "libs/requirements.txt").write_text("requests\n", encoding="utf-8")
    text = PUBLISHED.replace('!Sub "{layer}"', "!Ref Libs") + layer
    (notice,) = template(folder, text).notices
    assert "the layer Libs adds no modules: it has no folder python; install its" in notice
    (folder / "libs/python").mkdir()
    assert template(folder, text).notices == ()
