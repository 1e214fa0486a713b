"""What the start says of a template is said once, for all that it is about."""

from pathlib import Path

from lambda_live.cli.command_line import parse
from support.project import write_project

FUNCTION = """
  {name}:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: {runtime}
      CodeUri: code/
      Handler: app.handler
      Events:
        Api: {{Type: HttpApi, Properties: {{Path: /{name}, Method: GET}}}}
"""
AUTHORIZED = """
Globals:
  HttpApi:
    Auth:
      DefaultAuthorizer: Outside
      Authorizers:
        Outside:
          JwtConfiguration: {issuer: https://issuer.example, audience: [all]}
          IdentitySource: $request.header.Authorization
Resources:
"""


def notices(folder: Path, **runtimes: str) -> tuple[str, ...]:
    functions = "".join(
        FUNCTION.format(name=name, runtime=runtime) for name, runtime in runtimes.items()
    )
    write_project(folder, {"template.yaml": AUTHORIZED + functions, "code/app.py": ""})
    return parse([], {}, folder).notices


def test_functions_of_which_the_same_is_to_be_said_share_a_sentence(tmp_path: Path) -> None:
    old = dict.fromkeys(("A", "B"), "python3.8")
    told = notices(tmp_path, **old, C="nodejs22.x", D="nodejs22.x")
    assert told[0].startswith("C, D are not served: their Runtime is nodejs22.x;")
    assert told[1].startswith("A, B: python3.8 is not supported")
    assert told[2].startswith("The authorizer Outside (JWT) of A, B is not verified here")
    assert len(told) == 3


def test_of_many_the_first_are_named(tmp_path: Path) -> None:
    told = notices(tmp_path, **dict.fromkeys("ABCDEFG", "python3.8"))
    assert told[0].startswith("A, B, C and 4 more: python3.8 is not supported")
