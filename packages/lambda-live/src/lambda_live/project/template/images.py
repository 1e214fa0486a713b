"""
How a template says that a function is an image, and which one.

Sources: https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-using-build.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-imageconfig.html
"""

from pathlib import Path

from lambda_live.dependencies.cache import function_dir
from lambda_live.model.template import Image
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.image.build_spec import Recipe
from lambda_live.project.template.asset_source import edited_at
from lambda_live.project.template.document import Object
from lambda_live.project.template.references import StandIn
from lambda_live.project.template.resources import Resource, Resources

_NOWHERE = (
    "it is an image that is built elsewhere; name the folder of its Dockerfile by"
    " Metadata: {{DockerContext: FOLDER}}, or --parameter {0}.DockerContext=FOLDER"
)


def is_image(resource: Resource) -> bool:
    """Whether the function is one."""
    properties = resource.properties
    code = properties.get("Code" if "Code" in properties else "CodeUri")
    within = isinstance(code, Object) and "ImageUri" in code
    return within or properties.text("PackageType") == "Image" or "ImageUri" in properties


def dockerfile_of(resources: Resources, resource: Resource) -> Path | None:
    """Return the Dockerfile of a function that is an image and names one, be it there or not."""
    context = _context(resources, resource) if is_image(resource) else None
    return context and _dockerfile(resources, resource, context[1])


def image_of(resources: Resources, resource: Resource, links: Path | None) -> Image:
    """
    Return what is served of the image; what has to be put together is put below `links`.

    Raises:
        UnsupportedFunctionError: It can't be known.
        TemplateError: The template names a folder that does not exist.
    """
    from lambda_live.project.image import image  # noqa: PLC0415  # most templates have none

    metadata, config = resource.metadata, resource.properties.section("ImageConfig")
    if (named := _context(resources, resource)) is None:
        raise UnsupportedFunctionError(_NOWHERE.format(resources.full(resource.logical_id)))
    key, written = named
    template = resources.document.path
    context = template.parent / written
    if not context.is_dir():
        what = f"{key} is {written!r}, and there is no {context}"
        metadata.wrong(key, what, "name the folder of what the Dockerfile copies")
    cdk = key == "aws:asset:path"
    dockerfile = _dockerfile(resources, resource, written)
    context = context.resolve()
    if dockerfile.is_relative_to(context):
        within = dockerfile.relative_to(context)
        context = edited_at(resources, resource, context, within) or context
        dockerfile = context / within
    recipe = Recipe(
        context,
        dockerfile,
        metadata.text("aws:asset:docker-build-target" if cdk else "DockerBuildTarget"),
        metadata.variables("aws:asset:docker-build-args" if cdk else "DockerBuildArgs"),
        config.texts("Command"),
        config.texts("EntryPoint"),
        config.text("WorkingDirectory"),
    )
    try:
        return image.read(recipe, links and function_dir(links, template, resource.logical_id))
    except TemplateError as error:
        raise UnsupportedFunctionError(str(error)) from error
    except (OSError, ValueError) as error:  # no path, no pattern, no text that could be read
        message = f"{recipe.dockerfile} can't be followed: {error}"
        raise UnsupportedFunctionError(message) from error


def _context(resources: Resources, resource: Resource) -> tuple[str, str] | None:
    given = resources.intrinsics.references.given(f"{resource.logical_id}.DockerContext")
    if given is not None:
        return "DockerContext", given
    for key in ("DockerContext", "aws:asset:path"):
        text = resource.metadata.text(key)
        if text is not None and not isinstance(text, StandIn):
            return key, text
    return None


def _dockerfile(resources: Resources, resource: Resource, context: str) -> Path:
    metadata = resource.metadata
    named = metadata.text("Dockerfile") or metadata.text("aws:asset:dockerfile-path")
    return (resources.document.path.parent / context / (named or "Dockerfile")).resolve()
