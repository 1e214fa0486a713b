"""API definitions in a separate file, named by `AWS::Include` or DefinitionUri."""

from pathlib import Path

import pytest

from lambda_live.model.template import Template
from lambda_live.project.notices import describe_invalid
from lambda_live.project.template.reader import read_template
from support.documents import template_error

TEMPLATE = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: app.handler, Runtime: python3.12, FunctionName: work}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: Prod
"""
INCLUDED = """      DefinitionBody:
        Fn::Transform: {Name: AWS::Include, Parameters: {Location: ./api.yaml}}
"""
BY_URI = "      DefinitionUri: api.yaml\n"
DEFINITION = """
openapi: 3.0.1
paths:
  /orders/{id}:
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        uri: !Sub arn:aws:apigateway:us-east-1:lambda:path/functions/${Work.Arn}/invocations
"""


def template(folder: Path, named: str, definition: str | None = DEFINITION) -> Template:
    (folder / "app.py").touch()
    if definition is not None:
        (folder / "api.yaml").write_text(definition, encoding="utf-8")
    path = folder / "template.yaml"
    path.write_text(TEMPLATE + named, encoding="utf-8")
    return read_template(path, {})


@pytest.mark.parametrize("named", [INCLUDED, BY_URI])
def test_routes_of_an_included_definition_are_read(tmp_path: Path, named: str) -> None:
    found = template(tmp_path, named)
    (function,) = found.functions
    assert [(each.method, each.path) for each in function.routes] == [("GET", "/orders/{id}")]
    assert found.files == (tmp_path / "api.yaml",)
    assert found.notices == ()


def test_missing_include_is_reported_and_watched(tmp_path: Path) -> None:
    found = template(tmp_path, INCLUDED, None)
    assert found.functions[0].routes == ()
    (notice,) = found.notices
    assert "template.yaml:11: the AWS::Include file ./api.yaml does not exist" in notice
    assert found.files == (tmp_path / "api.yaml",)


@pytest.mark.parametrize("named", [INCLUDED, BY_URI])
def test_definition_in_s3_is_ignored(tmp_path: Path, named: str) -> None:
    found = template(tmp_path, named.replace("./api", "api").replace("api", "s3://b/api"))
    assert found.functions[0].routes == ()
    assert found.files == ()


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("gone.yaml", "the file gone.yaml does not exist"),
        ("s3://b/api.yaml", "it is in S3"),
        ("{Bucket: b, Key: api.yaml}", "it is in S3"),
    ],
)
def test_definition_that_is_not_on_this_machine_is_reported(
    tmp_path: Path, uri: str, why: str
) -> None:
    (notice,) = template(tmp_path, f"      DefinitionUri: {uri}\n").notices

    assert notice.endswith(
        f"template.yaml:10: the routes of Api in its DefinitionUri are not served: {why};"
        " name a local YAML or JSON file"
    )


def test_globals_that_are_no_mapping_are_reported(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    path = tmp_path / "template.yaml"
    path.write_text(f"Globals: {{Function: text}}{TEMPLATE}", encoding="utf-8")

    (notice,) = read_template(path, {}).notices

    assert notice.endswith("template.yaml:1: Function in Globals must be a mapping; it is ignored")


def test_invalid_include_is_refused_with_its_own_line(tmp_path: Path) -> None:
    template(tmp_path, INCLUDED, "paths: [\n")

    assert "api.yaml:2: invalid YAML" in str(template_error(tmp_path / "template.yaml"))


@pytest.mark.parametrize("named", [INCLUDED, BY_URI])
@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ("        timeoutInMillis: 5", "invalid timeoutInMillis '5'"),
        ("        timeoutInMillis: !Join [1]", "Fn::Join has invalid arguments"),
        ("        type: http", "duplicate key type, first on line 7"),
        ("    post: {x-amazon-apigateway-integration: {type: http}}", "POST /orders/{id} is not"),
    ],
)
def test_problem_in_an_include_has_its_file_and_line(
    tmp_path: Path, named: str, added: str, problem: str
) -> None:
    found = template(tmp_path, named, f"{DEFINITION}{added}\n")

    (notice,) = (*found.notices, *map(describe_invalid, found.skipped))
    assert notice.startswith(f"{tmp_path}/api.yaml:9: ")
    assert problem in notice


def test_other_macro_is_reported(tmp_path: Path) -> None:
    other = INCLUDED.replace("AWS::Include", "Mine")
    (notice,) = template(tmp_path, other).notices
    assert "template.yaml:11: Fn::Transform is not supported" in notice
