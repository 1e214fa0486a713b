"""Code and layers that are zip archives, as AWS takes them, too."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from lambda_live.model.template import Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template

TEMPLATE = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: {code}
      Handler: app.handler
      Layers: [!Ref Shared]
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: {{ContentUri: layer.zip}}
    {metadata}
"""


def archive(path: Path, **files: str) -> None:
    with ZipFile(path, "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name.replace("__", "/") + ".py", text)


def template(
    folder: Path, made: Path | None, code: str = "code.zip", metadata: str = ""
) -> Template:
    path = folder / "template.yaml"
    path.write_text(TEMPLATE.format(code=code, metadata=metadata), encoding="utf-8")
    return read_template(path, {}, build_dir=made)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    archive(folder / "code.zip", app="def handler(event, context): return 1\n")
    archive(folder / "layer.zip", python__shared="X = 1\n")
    return folder


def test_they_are_unpacked(project: Path, tmp_path: Path) -> None:
    (function,) = template(project, tmp_path / "made").functions
    assert (function.code_uri / "app.py").read_text() == "def handler(event, context): return 1\n"
    (layer,) = function.layers
    assert (layer.modules / "shared.py").is_file()


def test_another_archive_of_that_name_is_unpacked_too_and_told_by_its_file(
    project: Path, tmp_path: Path
) -> None:
    before = template(project, tmp_path / "made")
    archive(project / "code.zip", app="def handler(event, context): return 'another'\n")
    (function,) = template(project, tmp_path / "made").functions
    assert "another" in (function.code_uri / "app.py").read_text()
    assert {project / "code.zip", project / "layer.zip"} <= set(before.files)


def test_one_that_is_none_is_named(project: Path, tmp_path: Path) -> None:
    (project / "code.zip").write_text("no archive")
    with pytest.raises(TemplateError, match=r"its code is a file, code\.zip; name the folder"):
        template(project, tmp_path / "made")


def test_one_that_is_broken_is_named(project: Path, tmp_path: Path) -> None:
    whole = (project / "code.zip").read_bytes()
    (project / "code.zip").write_bytes(whole.replace(b"return 1", b"return 2"))
    with pytest.raises(TemplateError, match=r"code\.zip, that can't be unpacked: Bad CRC"):
        template(project, tmp_path / "made")


def test_where_nothing_can_be_made_they_are_left_out(project: Path) -> None:
    with pytest.raises(TemplateError, match=r"its code is a file, code\.zip"):
        template(project, None)


def test_a_layer_that_its_makefile_builds_is_told(project: Path, tmp_path: Path) -> None:
    metadata = "Metadata: {BuildMethod: makefile}"
    (notice,) = template(project, tmp_path / "made", metadata=metadata).notices
    assert notice.startswith("The layer Shared is built by its Makefile, which is not run here;")
