"""Code and layers in zip archives."""

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
    folder: Path, build_dir: Path | None, code: str = "code.zip", metadata: str = ""
) -> Template:
    path = folder / "template.yaml"
    path.write_text(TEMPLATE.format(code=code, metadata=metadata), encoding="utf-8")
    return read_template(path, {}, build_dir=build_dir)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    archive(folder / "code.zip", app="def handler(event, context): return 1\n")
    archive(folder / "layer.zip", python__shared="X = 1\n")
    return folder


def test_archives_are_unpacked(project: Path, tmp_path: Path) -> None:
    (function,) = template(project, tmp_path / "build").functions
    assert (function.code_uri / "app.py").read_text() == "def handler(event, context): return 1\n"
    (layer,) = function.layers
    assert (layer.modules / "shared.py").is_file()


def test_changed_archive_is_unpacked_again_and_watched(project: Path, tmp_path: Path) -> None:
    before = template(project, tmp_path / "build")
    archive(project / "code.zip", app="def handler(event, context): return 'another'\n")
    (function,) = template(project, tmp_path / "build").functions
    assert "another" in (function.code_uri / "app.py").read_text()
    assert {project / "code.zip", project / "layer.zip"} <= set(before.files)


def test_file_that_is_not_an_archive_is_refused(project: Path, tmp_path: Path) -> None:
    (project / "code.zip").write_text("no archive")
    with pytest.raises(TemplateError, match=r"its code is the file code\.zip; name a folder"):
        template(project, tmp_path / "build")


def test_broken_archive_is_refused(project: Path, tmp_path: Path) -> None:
    whole = (project / "code.zip").read_bytes()
    (project / "code.zip").write_bytes(whole.replace(b"return 1", b"return 2"))
    with pytest.raises(TemplateError, match=r"code\.zip, which cannot be unpacked: Bad CRC"):
        template(project, tmp_path / "build")


def test_archive_without_a_build_folder_is_skipped(project: Path) -> None:
    with pytest.raises(TemplateError, match=r"its code is the file code\.zip"):
        template(project, None)


def test_layer_with_extensions_is_reported_without_a_hint_to_build_it(
    project: Path, tmp_path: Path
) -> None:
    archive(project / "layer.zip", extensions__log="")
    metadata = "Metadata: {BuildMethod: makefile}"
    (notice,) = template(project, tmp_path / "build", metadata=metadata).notices
    assert "the extensions of the layer Shared have no effect" in notice


def test_layer_built_by_a_makefile_is_reported(project: Path, tmp_path: Path) -> None:
    metadata = "Metadata: {BuildMethod: makefile}"
    (notice,) = template(project, tmp_path / "build", metadata=metadata).notices
    assert "template.yaml:10: the Makefile of the layer Shared is not run;" in notice
