"""
The cloud assembly that `cdk synth` writes: where it is, and which of its templates is served.

Its format: https://github.com/aws/aws-cdk/tree/main/packages/%40aws-cdk/cloud-assembly-schema
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lambda_live.model.template_error import TemplateError

_APP = "cdk.json"
_MARK = "cdk.out"
"""The file in each assembly that has its format's version; the folder is called so, too."""

_MANIFEST = "manifest.json"


def assembly_folder(template: Path) -> Path | None:
    """Return the folder of the whole assembly that a template is of; None if CDK wrote none."""
    folder = template.parent.resolve()
    if not (folder / _MARK).is_file():
        return None
    while (folder.parent / _MARK).is_file():  # a stage's is in its app's
        folder = folder.parent
    return folder


def app_folder(template: Path) -> Path | None:
    """Return the folder of the app that a template was written by; None if CDK wrote none."""
    assembly = assembly_folder(template)
    return None if assembly is None else app_above(assembly)


def app_above(assembly: Path) -> Path:
    """Return the folder of the app that an assembly was written by."""
    return next(filter(is_app, assembly.parents), assembly.parent)


def assembly_files(app: Path, template: Path | None) -> tuple[Path, ...]:
    """Return all that says what an app is, to be taken elsewhere; nothing if CDK wrote none."""
    assembly = template and assembly_folder(template)
    return (app / _APP, assembly) if assembly else ()


def is_app(folder: Path) -> bool:
    """Whether a folder is an app's."""
    return (folder / _APP).is_file()


def is_manifest(template: Path) -> bool:
    """Whether a template is an assembly's manifest, which stands for all its stacks."""
    return template.name == _MANIFEST and (template.parent / _MARK).is_file()


def find_template(folder: Path) -> Path:
    """
    Return the template of an app's one stack with functions in Python, or of several the manifest.

    Of stages, which are the same stacks once more, it is the first.

    Raises:
        TemplateError: There is none.
    """
    manifest = _output(folder) / _MANIFEST
    if not manifest.is_file():
        wrong = f"this is a CDK app, and there is no {manifest}"
        raise TemplateError(folder / _APP, None, wrong, "run `cdk synth` first")
    for each in _manifests(manifest):
        found = [template for template in _templates(each) if _has_function(template)]
        if found:
            return found[0] if len(found) == 1 else each
    wrong = "none of its stacks has a function in Python"
    raise TemplateError(manifest, None, wrong, "run `cdk synth` if the app has one")


def selection_files(folder: Path, found: Path | None = None) -> tuple[Path, ...]:
    """Return the files that say which template of an app is served; `found` is that."""
    try:
        return (folder / _APP, _output(folder) / _MANIFEST, found or find_template(folder))
    except TemplateError:
        return (folder / _APP,)


def _output(folder: Path) -> Path:
    given = _read(folder / _APP).get("output")
    return folder / (given if isinstance(given, str) else _MARK)


def _manifests(manifest: Path) -> Iterator[Path]:
    yield manifest
    for kind, properties in _artifacts(manifest):
        match kind, properties:
            case "cdk:cloud-assembly", {"directoryName": str() as name} if Path(name).name == name:
                yield from _manifests(manifest.parent / name / _MANIFEST)
            case _:
                continue


def _templates(manifest: Path) -> Iterator[Path]:
    for kind, properties in _artifacts(manifest):
        match kind, properties:
            case "aws:cloudformation:stack", {"templateFile": str() as name}:
                yield manifest.with_name(name)
            case _:
                continue


def _artifacts(manifest: Path) -> Iterator[tuple[object, object]]:
    for artifact in _objects(_read(manifest).get("artifacts")):
        yield artifact.get("type"), artifact.get("properties")


def _has_function(template: Path) -> bool:
    for each in _objects(_read(template).get("Resources")):
        match each:
            case {
                "Type": "AWS::CloudFormation::Stack",
                "Metadata": {"aws:asset:path": str() as nested},
            } if _has_function(template.with_name(nested)):
                return True
            case _ if _is_python(each):
                return True
    return False


def _is_python(resource: dict[str, Any]) -> bool:
    match resource:
        case {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": str() as runtime}}:
            return runtime.startswith("python")
        case {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"ImageUri": _}}}:
            return True
        case _:
            return False


def _objects(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield from (each for each in value.values() if isinstance(each, dict))


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise TemplateError(path, None, error.strerror or "", "run `cdk synth` again") from error
    except ValueError as error:
        raise TemplateError(path, None, f"it is no JSON: {error}", "mend it") from error
    return value if isinstance(value, dict) else {}
