"""Where the template of a nested stack is, on this machine."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from lambda_live.model.template_error import UnsupportedFunctionError
from lambda_live.project.template.discovery import TEMPLATE_NAMES
from lambda_live.project.template.document import Object
from lambda_live.project.template.files import Files
from lambda_live.project.template.resources import NESTED, Resource

_BUILT = ".aws-sam"
_REMOTE = ("s3://", "https://", "http://")


def template_of(parent: Path, resource: Resource, files: Files) -> Path:
    """
    Return the file that a property names, or CDK's note of it, without symbolic links.

    Raises:
        UnsupportedFunctionError: It is no file of this machine.
        TemplateError: None is named, or it is not there.
    """
    key, given = NESTED[resource.type], _given(resource)
    local = unquote(urlsplit(given).path) if given.startswith("file://") else given
    path = _written(parent.parent, Path(local))
    files.name(path)
    try:
        path, is_file = path.resolve(), path.is_file()
    except OSError as error:
        resource.properties.wrong(key, f"{key}: {error.strerror}", "name the template")
    files.name(path)
    if not is_file:
        what = f"{key} is {given!r}, and there is no file {path}"
        resource.properties.wrong(key, what, f"name the template of {resource.logical_id}")
    return path


def _written(folder: Path, local: Path) -> Path:
    """Return a template as it was before `sam build` and `sam package`, if that is there."""
    for built in (each for each in local.parents if each.name == _BUILT):
        for name in TEMPLATE_NAMES:
            if (source := folder / built.parent / name).is_file():
                return source
    return folder / local


def _given(resource: Resource) -> str:
    if asset := resource.metadata.text("aws:asset:path"):
        return asset
    key, properties = NESTED[resource.type], resource.properties
    if isinstance(properties.get(key), Object):
        application = properties.section(key).text("ApplicationId")
        message = f"it is of the Serverless Application Repository ({application}), and not here"
        raise UnsupportedFunctionError(message)
    given = properties.text(key)
    if given is not None and given.startswith(_REMOTE):
        message = f"its template is in S3 ({given}); name a file in {key}, as before packaging"
        raise UnsupportedFunctionError(message)
    given = properties.known(key)
    if given is None:
        properties.wrong(key, f"{resource.logical_id} has no {key}", "name its template")
    return given
