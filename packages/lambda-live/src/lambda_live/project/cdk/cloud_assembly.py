"""
Find the cloud assembly that `cdk synth` writes, and the template in it to serve.

This module needs no YAML reader: its import would slow down projects without a template.
Format: https://github.com/aws/aws-cdk/tree/main/packages/%40aws-cdk/cloud-assembly-schema
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lambda_live.model import strict_json
from lambda_live.model.template_error import TemplateError, read_text

_APP = "cdk.json"
_VERSION_FILE = "cdk.out"
"""The file in each assembly with the format's version; the folder has the same name."""

_MANIFEST = "manifest.json"
_STACK = "aws:cloudformation:stack"


def assembly_folder(template: Path) -> Path | None:
    """Return the folder of the app's assembly, or None if CDK did not write the template."""
    folder = template.parent.resolve()
    if not (folder / _VERSION_FILE).is_file():
        return None
    while (folder.parent / _VERSION_FILE).is_file():  # the assembly of a stage is inside its app's
        folder = folder.parent
    return folder


def app_folder(template: Path) -> Path | None:
    """Return the folder of the CDK app, or None if CDK did not write the template."""
    assembly = assembly_folder(template)
    return None if assembly is None else app_of_assembly(assembly)


def app_of_assembly(assembly: Path) -> Path:
    """Return the folder of the app that wrote an assembly."""
    return next(filter(is_app, assembly.parents), assembly.parent)


def assembly_files(app: Path, template: Path | None) -> tuple[Path, ...]:
    """Return the files that define a CDK app, to copy into an image."""
    assembly = template and assembly_folder(template)
    return (app / _APP, assembly) if assembly else ()


def is_app(folder: Path) -> bool:
    """Whether a folder is a CDK app."""
    return (folder / _APP).is_file()


def is_manifest(template: Path) -> bool:
    """Whether a file is an assembly's manifest, which is served as all of its stacks."""
    return template.name == _MANIFEST and (template.parent / _VERSION_FILE).is_file()


def find_template(folder: Path) -> Path:
    """
    Return the template of the stack with Python functions, or the manifest if several have some.

    Stages repeat the same stacks, so the first stage is served.

    Raises:
        TemplateError: There is no such stack, or no assembly.
    """
    manifest = _output(folder) / _MANIFEST
    if not manifest.is_file():
        problem = f"this is a CDK app, but {manifest} does not exist"
        raise TemplateError(folder / _APP, None, problem, "run `cdk synth`")
    for each in _manifests(manifest):
        templates = map(each.with_name, _artifacts(each, _STACK, "templateFile"))
        found = [template for template in templates if _has_function(template)]
        if found:
            return found[0] if len(found) == 1 else each
    problem = "no stack has a Python function"
    raise TemplateError(manifest, None, problem, "add one and run `cdk synth`")


def selection_files(folder: Path, found: Path | None = None) -> tuple[Path, ...]:
    """Return the files that determine the template to serve; `found` is that template."""
    try:
        return (folder / _APP, _output(folder) / _MANIFEST, found or find_template(folder))
    except TemplateError:
        return (folder / _APP,)


def _output(folder: Path) -> Path:
    output = _read(folder / _APP).get("output")
    return folder / (output if isinstance(output, str) else _VERSION_FILE)


def _manifests(manifest: Path) -> Iterator[Path]:
    """Yield a manifest, then those of the nested assemblies, which are folders beside it."""
    yield manifest
    for name in _artifacts(manifest, "cdk:cloud-assembly", "directoryName"):
        if "/" not in name and name != "..":
            yield from _manifests(manifest.parent / name / _MANIFEST)


def _artifacts(manifest: Path, kind: str, key: str) -> Iterator[str]:
    """Yield a property of each artifact of a kind."""
    for artifact in _objects(_read(manifest).get("artifacts")):
        properties = artifact.get("properties")
        value = properties.get(key) if isinstance(properties, dict) else None
        if artifact.get("type") == kind and isinstance(value, str):
            yield value


def _has_function(template: Path) -> bool:
    """Return whether a template, or one nested in it, has a Python function or an image."""
    resources = _objects(_read(template).get("Resources"))
    return any(_is_function(each, template) for each in resources)


def _is_function(resource: dict[str, Any], template: Path) -> bool:
    match resource:
        case {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": str() as runtime}}:
            return runtime.startswith("python")
        case {"Type": "AWS::CloudFormation::Stack", "Metadata": {"aws:asset:path": str() as path}}:
            return _has_function(template.with_name(path))
        case {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ImageUri": _}}}:
            return True
        case _:
            return False


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield from (each for each in value.values() if isinstance(each, dict))


def find_asset(template: Path, key: str) -> str | None:
    """
    Return the path of an asset, given by its S3 key, from the `*.assets.json` beside a template.

    CDK names the key after the asset's hash. Raises TemplateError.
    """
    asset_id = key.rpartition("/")[2].partition(".")[0]
    for manifest in sorted(template.parent.glob("*.assets.json")):
        match _read(manifest).get("files"):
            case {**files} if isinstance(found := files.get(asset_id), dict):
                path = found.get("source", {}).get("path")
                return path if isinstance(path, str) else None
            case _:
                continue
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        value = strict_json.loads(read_text(path, "run `cdk synth` again"))
    except ValueError as error:
        line = getattr(error, "lineno", None)
        hint = "fix it or run `cdk synth` again"
        raise TemplateError(path, line, f"invalid JSON: {error}", hint) from error
    return value if isinstance(value, dict) else {}
