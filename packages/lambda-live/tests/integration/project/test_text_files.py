"""Files that people write are read in each encoding that editors and shells save."""

import subprocess
import sys
from pathlib import Path

import pytest

from lambda_live.checks.http_file import read_request
from lambda_live.cli.command_line import parse
from support.project import write_project

FILES = {
    "template.yaml": """
Parameters: {Who: {Type: String}}
Resources:
  Zip:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code/
      Handler: app.handler
      Runtime: python3.12
      Environment: {Variables: {WHO: !Ref Who, JSON: template}}
  Image:
    Type: AWS::Serverless::Function
    Properties: {PackageType: Image}
    Metadata: {DockerContext: code}
""",
    "samconfig.toml": """
[default.local_invoke.parameters]
parameter_overrides = "Who=Jürgen"
env_vars = "variables.json"
""",
    "variables.json": '{"Zip": {"JSON": "ü"}}',
    ".env": "GREETING=grüß dich ${WHO}\n",
    "code/Dockerfile": """
# ü
FROM public.ecr.aws/lambda/python:3.12
COPY app.py .
CMD ["app.handler"]
""",
    "code/app.py": "",
    "request.http": "POST /grüße\n\nü\n",
}
NAMES = ("template.yaml", "samconfig.toml", "variables.json", ".env", "code/Dockerfile")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(tmp_path, FILES)
    return tmp_path


def messages(project: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the service says about a project at startup."""
    try:
        return "\n".join(parse([], {}, project).startup_notices)
    except SystemExit:
        return capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_files_are_read_in_each_encoding(project: Path, encoding: str, line_end: str) -> None:
    for name in (*NAMES, "request.http"):
        text = FILES[name].replace("\n", line_end)
        (project / name).write_bytes(text.encode(encoding))

    config = parse([], {"WHO": "shell"}, project)

    zipped = next(each for each in config.functions if each.name == "Zip")
    assert zipped.environment["WHO"] == "Jürgen"
    assert zipped.local_environment["JSON"] == "ü"
    assert zipped.local_environment["GREETING"] == "grüß dich ${WHO}"
    assert len(config.functions) == 2
    assert config.startup_notices == ()
    assert (read_request(project / "request.http").body or b"").strip() == "ü".encode()


@pytest.mark.parametrize("name", [*NAMES, "request.http"])
def test_other_encoding_is_an_error_with_file_and_line(
    project: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = b"\n\n" + FILES[name].encode("latin-1", "replace") + "\n# ü\n".encode("latin-1")
    (project / name).write_bytes(content)
    line = content.count(b"\n", 0, content.index(b"\xfc")) + 1

    if name == "request.http":
        with pytest.raises(ValueError, match=f"line {line} is not UTF-8"):
            read_request(project / name)
        return
    message = messages(project, capsys)

    assert f"{project / name}:{line}: the line is not UTF-8; save the file as UTF-8" in message


def test_aliases_that_multiply_are_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"a{each}: &a{each} [{', '.join([f'*a{each - 1}'] * 9)}]" for each in range(1, 10)]
    text = "\n".join(["a0: &a0 [x, x, x]", *lines, FILES["template.yaml"]])
    (project / "template.yaml").write_text(text, encoding="utf-8")

    assert "more than 300,000 values; use fewer aliases" in messages(project, capsys)


def test_control_sequences_of_a_template_are_escaped_in_errors(project: Path) -> None:
    text = FILES["template.yaml"].replace("Runtime: python3.12", r'Runtime: "\e]0;title\a\e[2J"')
    (project / "template.yaml").write_text(text.replace("PackageType", "Timeout"), encoding="utf-8")

    ended = subprocess.run(
        [sys.executable, "-P", "-m", "lambda_live", "describe"],
        cwd=project,
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 2
    assert b"]0;title" in ended.stderr
    assert b"\x1b" not in ended.stderr
    assert b"\a" not in ended.stderr
