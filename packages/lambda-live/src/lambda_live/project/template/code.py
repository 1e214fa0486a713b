"""Where a function's or a layer's code is, on this machine."""

from pathlib import Path
from zipfile import is_zipfile

from lambda_live.model.template_error import UnsupportedFunctionError
from lambda_live.project.template.archives import unpacked
from lambda_live.project.template.document import Object
from lambda_live.project.template.inline_code import written
from lambda_live.project.template.references import StandIn
from lambda_live.project.template.resources import Resource, Resources


def code_uri(resources: Resources, resource: Resource, made: Path | None = None) -> Path:
    """
    Return the folder of a function's code; what is no folder yet is put into one below `made`.

    Raises:
        UnsupportedFunctionError: The code is no folder here.
        TemplateError: The template names one that does not exist.
    """
    sam = resource.type == "AWS::Serverless::Function"
    template = resources.document.path
    if code := inline_code(resource):
        if made is None:
            raise UnsupportedFunctionError(INLINE)
        return _written(code, made / "inline" / resources.path, template, resource)
    key = "CodeUri" if sam else "Code"
    return content(resources, resource, key, made) or template.parent


INLINE = "its code is written in the template; put it in a file, and name the folder in CodeUri"


def _written(code: str, inline: Path, template: Path, resource: Resource) -> Path:
    try:
        return written(code, inline, template, resource.logical_id)
    except OSError as error:
        message = f"its code is written in the template, and can't be put into a file: {error}"
        raise UnsupportedFunctionError(message) from error


def inline_code(resource: Resource) -> str | None:
    """
    Return the code that is written in the template.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html
    """
    if "InlineCode" in resource.properties:
        return resource.properties.known("InlineCode")
    key = "Code" if "Code" in resource.properties else "CodeUri"
    if isinstance(resource.properties.get(key), Object):
        return resource.properties.section(key).known("ZipFile")
    return None


def content(
    resources: Resources, resource: Resource, key: str, made: Path | None = None
) -> Path | None:
    """
    Return the folder that a property names, or CDK's note of it; None if there is neither.

    A zip archive is unpacked below `made`. Raises as `code_uri`.
    """
    template = resources.document.path
    given = resource.metadata.text("aws:asset:path")
    if given is None and isinstance(resource.properties.get(key), Object):
        return _uploaded(template, resource, key)
    given = given or resource.properties.known(key)
    if given is None:
        return None
    path = _path(template, resource, key, given)
    if path.is_dir():
        return path
    resources.archives.append(path)
    if made is None or not is_zipfile(path):
        message = f"its code is a file, {given}; name the folder that it was made of in {key}"
        raise UnsupportedFunctionError(message)
    return unpacked(path, made / "archives")


def _path(template: Path, resource: Resource, key: str, given: str) -> Path:
    if given.startswith(("s3://", "https://")):
        message = f"its code is in S3 ({given}); give the template as it was before packaging"
        raise UnsupportedFunctionError(message)
    path = template.parent / given
    try:
        path = path.resolve()
        is_file = path.is_file()
    except OSError as error:
        resource.properties.wrong(key, f"{key}: {error.strerror}", "name the folder of the code")
    if is_file and path.suffix == ".py":
        return path.parent  # AWS packs that file alone
    if not is_file and not path.is_dir():
        resource.properties.wrong(
            key, f"{key} is {given!r}, and there is no {path}", "name the folder of the code"
        )
    return path


def _uploaded(template: Path, resource: Resource, key: str) -> Path:
    section = resource.properties.section(key)
    # `serverless package` writes its template and the zip into .serverless, beside the code.
    if template.parent.name == ".serverless":
        return template.parent.parent
    archive = section.text("S3Key" if "S3Key" in section else "Key")
    where = "S3" if isinstance(archive, StandIn | None) else f"S3 ({archive})"
    message = f"its code is in {where}; give a template whose {key} is a folder"
    raise UnsupportedFunctionError(message)
