"""Invalid models of REST APIs."""

from pathlib import Path

import pytest

from lambda_live.model.template import Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template

TEMPLATE = """
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: live, Models: {Order: MODEL}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: app.handler
      Runtime: python3.12
      Events:
        Post:
          Type: Api
          Properties:
            RestApiId: !Ref Api
            Path: /
            Method: post
            RequestModel:
              Model: NAME
              ValidateBody: true
"""


def read(folder: Path, name: str, model: str) -> Template:
    (folder / "app.py").touch()
    path = folder / "template.yaml"
    path.write_text(TEMPLATE.replace("NAME", name).replace("MODEL", model), encoding="utf-8")
    return read_template(path, {})


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ("{type: thing}", "Unknown type"),
        ('{type: string, pattern: "("}', "missing )"),
        ('{$ref: "https://example.com/a"}', "https://example.com/a is not a model of this API"),
        ('{$ref: "#/definitions/Other"}', "Unresolvable ref"),
    ],
)
def test_invalid_model_is_reported_with_its_line(tmp_path: Path, model: str, problem: str) -> None:
    (notice,) = read(tmp_path, "Order", model).notices

    assert notice.startswith(f"{tmp_path}/template.yaml:20: invalid JSON Schema: {problem}")
    assert notice.endswith("; bodies are not validated, fix the model")


def test_unknown_model_is_an_error(tmp_path: Path) -> None:
    problem = r"template\.yaml:20: the API has no model 'Missing'; add it to Models: of the API"

    with pytest.raises(TemplateError, match=problem):
        read(tmp_path, "Missing", "{type: object}")
