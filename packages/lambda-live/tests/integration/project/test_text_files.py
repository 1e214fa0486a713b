"""Files that people write are read in each encoding that editors and shells save."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lambda_live.checks.http_file import read_request
from lambda_live.cli.command_line import parse
from lambda_live.dependencies.local_packages import import_roots
from lambda_live.dependencies.requirements import find_requirements
from lambda_live.model.requirements import InstallError
from support.cdk import function, stage, synthesize
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


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
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
        with pytest.raises(ValueError, match=f":{line}: the line is not UTF-8"):
            read_request(project / name)
        return
    message = messages(project, capsys)

    assert f"{project / name}:{line}: the line is not UTF-8; save the file as UTF-8" in message


REQUIREMENTS = {
    "requirements.txt": "# ü\nidna==3.10\n",
    "poetry.lock": """# ü
[[package]]
name = "idna"
version = "3.10"
groups = ["main"]
files = [{file = "idna.whl", hash = "sha256:aa"}]
[metadata]
lock-version = "2.1"
""",
    "uv.lock": """# ü
version = 1
[[package]]
name = "idna"
version = "3.10"
source = {registry = "https://pypi.org/simple"}
[[package]]
name = "own"
source = {virtual = "."}
dependencies = [{name = "idna"}]
""",
    "pyproject.toml": "# ü\n[project]\ndependencies = ['idna==3.10']\n",
}


@pytest.mark.parametrize("name", REQUIREMENTS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_requirements_are_read_in_each_encoding(tmp_path: Path, name: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(REQUIREMENTS[name].encode(encoding))

    found = find_requirements(tmp_path, tmp_path)

    assert found is not None
    assert "idna==3.10" in found.text


@pytest.mark.parametrize("name", [*REQUIREMENTS, "included.txt"])
def test_requirements_in_another_encoding_are_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "requirements.txt").write_text("-r included.txt\n", encoding="utf-8")
    if name in REQUIREMENTS:
        (tmp_path / "requirements.txt").unlink()
    (tmp_path / name).write_bytes(REQUIREMENTS.get(name, "idna\n# ü\n").encode("latin-1"))

    with pytest.raises(InstallError) as raised:
        find_requirements(tmp_path, tmp_path)

    line = 1 if name in REQUIREMENTS else 2
    assert f"{tmp_path / name}:{line}: the line is not UTF-8; save" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("setup.py", "# ü\nsetup(package_dir={'': 'lib'})\n"),
        ("setup.cfg", "[options]\npackage_dir =\n    = lib\n# ü\n"),
        ("pyproject.toml", "[tool.setuptools.package-dir]\n'' = 'lib'\n# ü\n"),
    ],
)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_settings_of_a_local_package_are_read_in_each_encoding(
    tmp_path: Path, name: str, text: str, encoding: str
) -> None:
    write_project(tmp_path, {"lib/ours/__init__.py": ""})
    (tmp_path / name).write_bytes(text.encode(encoding))

    assert import_roots(tmp_path) == [tmp_path / "lib"]


@pytest.mark.parametrize("encoding", [*ENCODINGS, "latin-1"])
def test_files_of_a_cdk_app_are_read_in_each_encoding(
    tmp_path: Path, encoding: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(tmp_path, {"fn/index.py": "def handler(*_): ...\n"})
    synthesize(tmp_path, Stack={"Work": function("a1")})
    stage(tmp_path, "fn", "a1")
    for name in ("cdk.json", "cdk.out/manifest.json", "cdk.out/Stack.template.json"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        text = text.replace("{", '{"Description": "ü", ', 1)
        (tmp_path / name).write_bytes(text.encode(encoding))

    said = messages(tmp_path, capsys)

    if encoding == "latin-1":
        assert "cdk.json:1: the line is not UTF-8; save the file as UTF-8" in said
    else:
        assert said == ""


@pytest.mark.parametrize("name", [*NAMES[:4], ".env.Zip"])
def test_link_without_a_target_is_reported(
    project: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (project / name).unlink(missing_ok=True)
    (project / name).symlink_to("nowhere")

    said = messages(project, capsys)
    assert f"/{name}:" in said
    assert "the link's target nowhere does not exist; fix or remove the link" in said


@pytest.mark.parametrize("name", ["template.yaml", "samconfig.toml", "variables.json", ".env.Zip"])
def test_named_pipe_without_a_writer_is_reported(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("lambda_live.model.text_files._PIPE_TIMEOUT_SECONDS", 0.01)
    (project / name).unlink(missing_ok=True)
    os.mkfifo(project / name)

    said = messages(project, capsys)
    assert f"/{name}:" in said
    assert "no program wrote to this named pipe within" in said


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_requirements_that_cannot_be_read_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(InstallError, match=f"^{name} can't be read: .* nowhere does not exist"):
        find_requirements(tmp_path, tmp_path)

    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(InstallError, match=f"^{name} is a named pipe"):
        find_requirements(tmp_path, tmp_path)


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
