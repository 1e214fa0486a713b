"""A template file as functions."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from lambda_live.model.template import FunctionSpec, SkippedResource, Template
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.cdk.constructs import is_singleton
from lambda_live.project.template import duplicate_routes, images, names
from lambda_live.project.template.files import Files
from lambda_live.project.template.functions import function_of
from lambda_live.project.template.resources import FUNCTIONS, MACRO, Application, Resources
from lambda_live.project.template.stack_context import Surroundings
from lambda_live.project.template.stacks import Stack

DEFAULT_REGION = "us-east-1"
"""Where nobody says which."""

_NOT_FOLLOWED = "a macro is not followed; write what it makes"


def read_template(
    path: Path,
    overrides: Mapping[str, str],
    region: str = DEFAULT_REGION,
    *,
    build_dir: Path | None = None,
    deployed: Mapping[str, str] | None = None,
) -> Template:
    """
    Return the functions of a template, and of those that are nested in it.

    `overrides` are values for parameters (`NAME`) and for what a deployment alone knows
    (`LogicalId.Attribute`), those of a nested stack after its name (`Child/NAME`); where a
    parameter has no other value, it has that by which it is `deployed`. Code that is in the
    template, or that an image has from several folders, is put below the folder `made`; without one
    its functions are left out.

    Raises:
        TemplateError: The template is wrong, or no function of it can run here.
    """
    files = Files()
    try:
        return _read(
            Stack(files, path, Surroundings(overrides, region, deployed=deployed or {})),
            path,
            files,
            build_dir,
        )
    except TemplateError as error:
        error.files_read = files.named()
        raise


def _read(root: Stack, path: Path, files: Files, made: Path | None) -> Template:
    stacks = tuple(root.all())
    every = tuple(stack.resources for stack in stacks)
    names.tell_apart(every)
    application = Application(every)
    for each in every:
        each.application = application
    functions: list[FunctionSpec] = []
    cause: BaseException | None = None
    left_out = [each for stack in stacks for each in (*stack.left_out, *_macros(stack.resources))]
    for resources in every:
        for resource in resources.of(*FUNCTIONS):
            if (dockerfile := images.dockerfile_of(resources, resource)) is not None:
                files.name(dockerfile)  # of one that is left out, too
            try:
                functions.append(function_of(resources, resource, made))
            except UnsupportedFunctionError as error:
                left_out.append(resources.left_out(resource, str(error)))
                cause = error.__cause__
    for file in (file for each in functions if each.image for file in each.image.files):
        files.name(file)
    for file in (file for each in every for file in each.archives):
        files.name(file)
    if not functions:
        _nothing_to_serve(path, left_out, cause)
    # the first is the one that is called by no name
    functions.sort(key=lambda each: is_singleton(each.name))
    _check_names(functions)
    # of a template that is nested twice, once
    notices = dict.fromkeys(notice for each in every for notice in each.notices())
    notices.update(dict.fromkeys(duplicate_routes.told_of(functions)))
    others = tuple(file for file in files.named() if file != path)
    return Template(path, tuple(functions), tuple(left_out), tuple(notices), others)


def _macros(resources: Resources) -> Iterator[SkippedResource]:
    for each in resources.of(MACRO):
        yield resources.left_out(each, _NOT_FOLLOWED)


def _nothing_to_serve(
    path: Path, left_out: list[SkippedResource], cause: BaseException | None
) -> None:
    if len(left_out) == 1 and isinstance(cause, TemplateError):
        raise cause  # the only function's file is the one to mend
    if left_out:
        first = left_out[0]
        wrong = f"no function can run here; {first.logical_id}: {first.reason}"
        raise TemplateError(first.template, first.line, wrong, "add one in Python")
    instead = "write a resource of Type: AWS::Serverless::Function"
    raise TemplateError(path, 1, "there is no function", instead)


def _check_names(functions: list[FunctionSpec]) -> None:
    seen: dict[str, FunctionSpec] = {}
    for function in functions:
        first = seen.setdefault(function.name.lower(), function)
        if first is not function and function.template:
            wrong = f"{first.logical_id} and {function.logical_id} are both called {function.name}"
            instead = "give each a FunctionName of its own"
            raise TemplateError(function.template, function.line, wrong, instead)
