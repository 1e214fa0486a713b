"""Where a function's or a layer's code is, on this machine."""

from pathlib import Path

from lambda_local.template.document import Object
from lambda_local.template.error import NotServedError
from lambda_local.template.inline import written
from lambda_local.template.references import StandIn
from lambda_local.template.resources import Resource


def code_uri(template: Path, resource: Resource, inline: Path | None = None) -> Path:
    """
    Return the folder of a function's code; code in the template is written below `inline`.

    Raises:
        NotServedError: The code is no folder here.
        TemplateError: The template names one that does not exist.
    """
    sam = resource.type == "AWS::Serverless::Function"
    if code := inline_code(resource):
        if inline is None:
            raise NotServedError(INLINE)
        return _written(code, inline, template, resource)
    return content(template, resource, "CodeUri" if sam else "Code") or template.parent


INLINE = "its code is written in the template; put it in a file, and name the folder in CodeUri"


def _written(code: str, inline: Path, template: Path, resource: Resource) -> Path:
    try:
        return written(code, inline, template, resource.logical_id)
    except OSError as error:
        message = f"its code is written in the template, and can't be put into a file: {error}"
        raise NotServedError(message) from error


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


def content(template: Path, resource: Resource, key: str) -> Path | None:
    """Return the folder that a property names, or CDK's note of it; None if there is neither."""
    if asset := resource.metadata.text("aws:asset:path"):
        return _folder(template, resource, key, asset)
    value = resource.properties.get(key)
    if isinstance(value, Object):
        return _uploaded(template, resource, key)
    given = resource.properties.known(key)
    return None if given is None else _folder(template, resource, key, given)


def _folder(template: Path, resource: Resource, key: str, given: str) -> Path:
    if given.startswith(("s3://", "https://")):
        message = f"its code is in S3 ({given}); give the template as it was before packaging"
        raise NotServedError(message)
    path = template.parent / given
    try:
        path = path.resolve()
        is_file = path.is_file()
    except OSError as error:
        resource.properties.wrong(key, f"{key}: {error.strerror}", "name the folder of the code")
    if is_file and path.suffix == ".py":
        return path.parent  # AWS packs that file alone
    if is_file:
        message = f"its code is a file, {given}; name the folder that it was made of in {key}"
        raise NotServedError(message)
    if not path.is_dir():
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
    raise NotServedError(message)
