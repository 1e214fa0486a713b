"""
Functions of a template that are container images.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-imageconfig.html
"""

from pathlib import Path

from lambda_live.dependencies.cache import function_dir
from lambda_live.model.template import Image
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.document import Object
from lambda_live.project.template.code_folder import asset_source, source_override
from lambda_live.project.template.stack import Resource

_ASSET = "aws:asset:path"
_NO_CONTEXT = (
    "the template does not name its Dockerfile; add Metadata: {{DockerContext: FOLDER}}, or set"
    " --parameter {0}.DockerContext=FOLDER"
)


def is_image(resource: Resource) -> bool:
    """Whether the function is an image."""
    properties = resource.properties
    code = properties.get("Code" if "Code" in properties else "CodeUri")
    has_uri = isinstance(code, Object) and "ImageUri" in code
    return has_uri or properties.text("PackageType") == "Image" or "ImageUri" in properties


def dockerfile_of(resource: Resource) -> Path | None:
    """Return the Dockerfile that the template names, existing or not."""
    context = _context(resource) if is_image(resource) else None
    return context and _dockerfile(resource, context)


def image_of(resource: Resource, links: Path | None) -> Image:
    """
    Return what to run of an image. If it copies several folders, they are linked below `links`.

    Raises:
        UnsupportedFunctionError: The image cannot run locally.
        TemplateError: The template names a folder that does not exist.
    """
    from lambda_live.project.image.image import BuildSpec, read_image  # noqa: PLC0415  # most templates have no image

    metadata, config = resource.metadata, resource.properties.section("ImageConfig")
    context = _context(resource)
    if context is None:
        name = resource.stack.context.qualified_name(resource.logical_id)
        raise UnsupportedFunctionError(_NO_CONTEXT.format(name))
    if not context.is_dir():
        key = "DockerContext" if "DockerContext" in metadata else _ASSET
        problem = f"{key} is {metadata.text(key)!r}, but {context} does not exist"
        metadata.fail(key, problem, "name the folder that the Dockerfile copies from")
    is_cdk = _ASSET in metadata
    dockerfile = _dockerfile(resource, context)
    context = context.resolve()
    if dockerfile.is_relative_to(context) and dockerfile.is_file():
        relative = dockerfile.relative_to(context)
        context = asset_source(resource, context, relative) or context
        dockerfile = context / relative
    spec = BuildSpec(
        context,
        dockerfile,
        metadata.text("aws:asset:docker-build-target" if is_cdk else "DockerBuildTarget"),
        metadata.variables("aws:asset:docker-build-args" if is_cdk else "DockerBuildArgs"),
        config.texts("Command"),
        config.texts("EntryPoint"),
        config.text("WorkingDirectory"),
    )
    template = resource.stack.document.path
    try:
        return read_image(spec, links and function_dir(links, template, resource.logical_id))
    except TemplateError as error:
        raise UnsupportedFunctionError(str(error)) from error
    except (OSError, ValueError) as error:  # an invalid path, pattern or encoding
        message = f"{spec.dockerfile} is invalid: {error}"
        raise UnsupportedFunctionError(message) from error


def _context(resource: Resource) -> Path | None:
    """Return the build context: from the user, else from the template, else from CDK."""
    if (override := source_override(resource, "DockerContext")) is not None:
        return override
    for key in ("DockerContext", _ASSET):
        if (text := resource.metadata.known_text(key)) is not None:
            return resource.stack.document.path.parent / text
    return None


def _dockerfile(resource: Resource, context: Path) -> Path:
    metadata = resource.metadata
    name = metadata.text("Dockerfile") or metadata.text("aws:asset:dockerfile-path")
    return (context / (name or "Dockerfile")).resolve()
