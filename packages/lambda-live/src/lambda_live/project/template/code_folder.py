"""
Find the folder of a function's or layer's code on this machine.

Code in the template is written to files, and a zip archive is unpacked, both below the build
folder. A CDK asset is traced to the folder that it was copied from. The user overrides any of these
with `--parameter LogicalId.Code=FOLDER`.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from zipfile import BadZipFile, ZipFile, is_zipfile

from lambda_live.dependencies.cache import function_dir
from lambda_live.model.template_error import UnsupportedFunctionError
from lambda_live.project.cdk import cloud_assembly
from lambda_live.project.document import Object
from lambda_live.project.template.build_output import hint_for_missing
from lambda_live.project.template.stack import Resource

_CFNRESPONSE = Path(__file__).with_name("cfnresponse.py")
"""A module that AWS adds to code in the template."""


def function_folder(resource: Resource, build_dir: Path | None) -> Path:
    """
    Return the folder of a function's code.

    Raises:
        UnsupportedFunctionError: The code is not on this machine.
        TemplateError: The template names a folder that does not exist.
    """
    stack = resource.stack
    if code := inline_code(resource):
        if build_dir is None:
            message = "its code is in the template; put it into a file and name the folder"
            raise UnsupportedFunctionError(message)
        parent = build_dir / "inline" / stack.context.path
        folder = function_dir(parent, stack.document.path, resource.logical_id)
        return _write_inline_code(code, folder)
    key = "CodeUri" if resource.type == "AWS::Serverless::Function" else "Code"
    return content_folder(resource, key, build_dir) or stack.document.path.parent


def inline_code(resource: Resource) -> str | None:
    """
    Return the code that is part of the template, unless `--parameter` names a folder instead.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
    """
    if resource.override("Code") is not None:
        return None
    if "InlineCode" in resource.properties:
        return resource.properties.require_known("InlineCode")
    key = "Code" if "Code" in resource.properties else "CodeUri"
    if isinstance(resource.properties.get(key), Object):
        return resource.properties.section(key).require_known("ZipFile")
    return None


def _write_inline_code(code: str, folder: Path) -> Path:
    """
    Write inline code to a folder, with the module that AWS adds to it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_if_changed(folder / "index.py", code)
        _write_if_changed(folder / _CFNRESPONSE.name, _CFNRESPONSE.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"its code is in the template and cannot be written to a file: {error}"
        raise UnsupportedFunctionError(message) from error
    return folder


def _write_if_changed(file: Path, text: str) -> None:
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return
    partial = file.with_name(f".{file.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def content_folder(resource: Resource, key: str, build_dir: Path | None) -> Path | None:
    """
    Return the folder that a property or CDK's metadata names, or None if neither does.

    Raises the errors of `function_folder`.
    """
    asset = resource.metadata.text("aws:asset:path") or _cdk_asset(resource, key)
    override = source_override(resource)
    if override is not None and asset is None:
        return override
    if asset is None and isinstance(resource.properties.get(key), Object):
        return _serverless_folder(resource, key)
    location = asset or resource.properties.require_known(key)
    if location is None:
        return None
    path = _local_path(resource, key, location)
    if path.is_dir():
        return path
    resource.stack.code_files.append(path)
    if build_dir is None or not is_zipfile(path):
        message = f"its code is the file {location}; name a folder in {key}"
        raise UnsupportedFunctionError(message)
    return _unpack(path, build_dir / "archives")


def _cdk_asset(resource: Resource, key: str) -> str | None:
    """Return the folder of a CDK asset whose template has no metadata, only the S3 key."""
    if not isinstance(resource.properties.get(key), Object):
        return None
    archive = resource.properties.section(key).text("S3Key")
    return cloud_assembly.find_asset(resource.stack.document.path, archive) if archive else None


def _local_path(resource: Resource, key: str, location: str) -> Path:
    project = resource.stack.document.path.parent
    if location.startswith(("s3://", "https://")):
        raise _not_local(resource, f"S3 ({location})")
    try:
        path = Path(os.path.abspath(project / location))  # noqa: PTH100  # a link may be exchanged later
        is_file = path.is_file()
    except OSError as error:
        hint = "name the folder of the code"
        resource.properties.fail(key, f"invalid {key}: {error.strerror}", hint)
    if is_file and path.suffix == ".py":
        return path.parent  # AWS packages this file only
    if not is_file and not path.is_dir():
        problem = f"{key} is {location!r}, but {path} does not exist"
        resource.stack.code_files.append(path)  # it is served once the folder exists
        hint = hint_for_missing(path, project.resolve(), "name the folder of the code")
        resource.properties.fail(key, problem, hint)
    return path


def _serverless_folder(resource: Resource, key: str) -> Path:
    template, section = resource.stack.document.path, resource.properties.section(key)
    # `serverless package` writes its template and the archive to .serverless, beside the code.
    if template.parent.name == ".serverless":
        return template.parent.parent
    archive = section.known_text("S3Key" if "S3Key" in section else "Key")
    place = f"S3 ({archive})" if archive else "S3"
    raise _not_local(resource, place)


def _not_local(resource: Resource, place: str) -> UnsupportedFunctionError:
    option = f"--parameter {resource.id_in_code}.Code=FOLDER"
    return UnsupportedFunctionError(f"its code is in {place}; name its folder with {option}")


def _unpack(archive: Path, folder: Path) -> Path:
    """Return a folder with the files of a zip archive."""
    try:
        stat = archive.stat()
        version = f"{archive} {stat.st_size} {stat.st_mtime_ns}"
        target = folder / hashlib.sha256(version.encode()).hexdigest()[:16]
        if not target.is_dir():
            _unpack_to(archive, target)
    except (OSError, BadZipFile, RuntimeError, NotImplementedError) as error:
        message = f"its code is the archive {archive}, which cannot be unpacked: {error}"
        raise UnsupportedFunctionError(message) from error
    return target


def _unpack_to(archive: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        with ZipFile(archive) as zipped:
            zipped.extractall(partial)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def source_override(resource: Resource, attribute: str = "Code") -> Path | None:
    """Return the folder of `--parameter LogicalId.Code=FOLDER`. Raises TemplateError."""
    folder = resource.override(attribute)
    if folder is None:
        return None
    template = resource.stack.document.path
    path = ((cloud_assembly.app_folder(template) or template.parent) / folder).resolve()
    if not path.is_dir():
        name = f"{resource.id_in_code}.{attribute}"
        problem = f"the parameter {name} is {folder!r}, but {path} is not a folder"
        resource.stack.document.fail(resource.line, problem, "name the folder of the code")
    return path


def asset_source(resource: Resource, asset: Path, known_file: Path | None) -> Path | None:
    """
    Return the folder that CDK copied an asset from, or None if it is unknown or not an asset.

    The folder contains `known_file`, a relative path of one of the asset's files.
    """
    if (override := source_override(resource)) is not None:
        return override
    if known_file is None:
        return None
    finder = resource.stack.application.asset_sources
    found = finder.find(asset, known_file, resource.stack.document.path)
    if found is None or len(found) == 1:
        return found[0] if found else None
    name = resource.id_in_code
    reason = f"{' and '.join(map(str, found))} match it" if found else "no folder matches it"
    hint = (
        f"run `cdk synth` after each save, or name its source with --parameter {name}.Code=FOLDER"
    )
    resource.note(f"{name} runs the copy in {asset}, because {reason}; {hint}")
    return None
