"""Startup notices about a template are grouped."""

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


def test_equal_notices_are_grouped(tmp_path: Path) -> None:
    old = dict.fromkeys(("A", "B"), "python3.8")
    found = notices(tmp_path, **old, C="nodejs22.x", D="nodejs22.x")
    template = f"{tmp_path}/template.yaml"
    assert found[0].startswith(f"{template}:30: C, D are not served: their Runtime is nodejs22.x;")
    assert found[1].startswith(f"{template}:12: A, B: python3.8 is not supported")
    assert found[2] == (
        f"{template}:12: authorizer Outside (JWT) of A, B is not verified:"
        " the signature of a token is not checked, but its times, issuer and audience are;"
        " --claims sets further claims"
    )
    assert len(found) == 3


DYNAMIC = """
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: "{{resolve:ssm:/name}}"
      MemorySize: "{{resolve:ssm:/memory}}"
      Runtime: python3.12
      CodeUri: code/
      Handler: app.handler
      Environment:
        Variables:
          SET: "{{resolve:ssm:/set}}"
          UNSET: "{{resolve:ssm-secure:/unset}}"
"""


def test_dynamic_references_are_reported_unless_set_in_env_file(tmp_path: Path) -> None:
    files = {"template.yaml": DYNAMIC, "code/app.py": "", ".env": "SET=value\n"}
    write_project(tmp_path, files)

    config = parse([], {}, tmp_path)

    (function,) = config.functions
    assert (function.name, function.memory) == ("Orders", 128)
    assert function.local_environment["SET"] == "value"
    reported = "".join(config.notices)
    assert all(f"ssm{name}}}}} is only known" in reported for name in (":/name", ":/memory"))
    assert "set it with --parameter resolve:ssm-secure:/unset=VALUE, or UNSET in .env" in reported
    assert "/set}}" not in reported
    assert function.environment["UNSET"] == "resolve:ssm-secure:/unset"


def test_long_list_of_names_is_shortened(tmp_path: Path) -> None:
    found = notices(tmp_path, **dict.fromkeys("ABCDEFG", "python3.8"))
    assert "template.yaml:12: A, B, C and 4 more: python3.8 is not supported" in found[0]
