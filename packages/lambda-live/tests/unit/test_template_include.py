"""A definition of an API in a file of its own, as `AWS::Include` or DefinitionUri name it."""

from pathlib import Path

import pytest

from lambda_live.model.template import Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template

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
def test_its_routes_are_the_functions(tmp_path: Path, named: str) -> None:
    found = template(tmp_path, named)
    (function,) = found.functions
    assert [(each.method, each.path) for each in function.routes] == [("GET", "/orders/{id}")]
    assert found.files == (tmp_path / "api.yaml",)
    assert found.notices == ()


def test_one_that_is_not_here_is_told_and_followed_once_it_is(tmp_path: Path) -> None:
    found = template(tmp_path, INCLUDED, None)
    assert found.functions[0].routes == ()
    (notice,) = found.notices
    assert notice.startswith("AWS::Include finds no ./api.yaml here")
    assert found.files == (tmp_path / "api.yaml",)


@pytest.mark.parametrize("named", [INCLUDED, BY_URI])
def test_one_in_s3_is_no_file(tmp_path: Path, named: str) -> None:
    found = template(tmp_path, named.replace("./api", "api").replace("api", "s3://b/api"))
    assert found.functions[0].routes == ()
    assert found.files == ()


def test_one_that_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"api\.yaml:2: this is not YAML"):
        template(tmp_path, INCLUDED, "paths: [\n")


def test_another_macro_is_told(tmp_path: Path) -> None:
    other = INCLUDED.replace("AWS::Include", "Mine")
    (notice,) = template(tmp_path, other).notices
    assert notice.startswith("Fn::Transform is not followed")
