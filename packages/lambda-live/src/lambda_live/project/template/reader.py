"""Read a template file into functions."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from lambda_live.model.function import Account
from lambda_live.model.template import FunctionSpec, SkippedResource, Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.cdk.stacks import is_singleton
from lambda_live.project.template import images, routes
from lambda_live.project.template.application import Application
from lambda_live.project.template.event_sources import EventSourceReader, resources_of
from lambda_live.project.template.functions import function_of
from lambda_live.project.template.integrations import FunctionRoutes
from lambda_live.project.template.property_support import (
    report_properties,
    report_sections,
    skip_unsupported,
)
from lambda_live.project.template.stack import FUNCTIONS, LAYERS, Resource, Stack
from lambda_live.project.template.stack_context import StackContext
from lambda_live.project.template.stack_reader import StackReader, TemplateFiles
from lambda_live.project.template.values import Unresolved

_MAX_NAME_LENGTH = 64
_SIMILARITY = 0.85
"""Above that of two types of AWS, such as AWS::Lambda::Function and AWS::Lambda::Version."""


def read_template(  # noqa: PLR0913  # most are keywords with a default
    path: Path,
    overrides: Mapping[str, str],
    account: Account = Account(),  # noqa: B008  # immutable
    *,
    build_dir: Path | None = None,
    deployed: Mapping[str, str] | None = None,
    local_variables: Callable[[str], Container[str]] = lambda _: (),
    stored: Callable[[str], str | None] = lambda _: None,
) -> Template:
    """
    Return the functions of a template and its nested stacks.

    `overrides` has parameters (`NAME`), attributes that are only known after deployment
    (`LogicalId.Attribute`) and source folders (`LogicalId.Code`). Those of a nested stack begin
    with its name (`Child/NAME`). `deployed` has the parameters of the last deployment; they apply
    to parameters without any other value. `local_variables` returns the names of the variables that
    `.env` sets for a function. `stored` returns values of AWS's services: see `StoredValues`.
    Generated code folders are written below `build_dir`; without it, functions that need one are
    skipped.

    Raises:
        TemplateError: The template is invalid, or none of its functions can run locally.
    """
    files, application = TemplateFiles(), Application()
    context = StackContext(
        overrides,
        account,
        deployed=deployed or {},
        local_variables=local_variables,
        stored=stored,
    )
    try:
        root = StackReader(files, path, context, application)
        _report_misspelt_parameters(root.stack, overrides)
        application.stacks = tuple(root.read_all())
        return _read(application, path, files, build_dir)
    except TemplateError as error:
        error.files = files.paths()
        raise


def _read(
    application: Application, path: Path, files: TemplateFiles, build_dir: Path | None
) -> Template:
    skip_unsupported(application)
    _disambiguate_names(application)
    functions = _read_functions(application, files, build_dir)
    application.report_other_functions()
    duplicates = tuple(_skip_equal_names(functions))
    served = {each.name: each for each in functions}
    stacks, reader = application.stacks, EventSourceReader(served)
    sources = [each for stack in stacks for each in stack.read(stack, reader.read)]
    invalid = {each.served_name for each in application.skipped()}
    functions = [each for each in functions if each.name not in invalid]
    sources = [each for each in sources if each.target not in invalid]
    if not functions:
        _fail_without_functions(path, application)
    for resource, problem, hint in _misspelt_types(application):
        resource.note(f"{problem}; {hint}")
    # The first function is the default; it must not be one that CDK added.
    functions.sort(key=lambda each: is_singleton(each.name))
    specs = tuple(each for stack in stacks for each in resources_of(stack))
    notices = (
        *files.notices(),
        *(each for stack in stacks for each in stack.notices),
        *routes.find_duplicate_routes(functions),
    )
    return Template(
        path,
        tuple(functions),
        (*duplicates, *application.skipped()),
        tuple(dict.fromkeys(notices)),  # a template that is nested twice has each notice twice
        tuple(file for file in files.paths() if file != path),
        specs,
        tuple(sources),
    )


def _read_functions(
    application: Application, files: TemplateFiles, build_dir: Path | None
) -> list[FunctionSpec]:
    """Return the functions, and add the files that define them to `files`."""
    function_routes = FunctionRoutes(
        each for stack in application.stacks for each in routes.integrations_of(stack)
    )
    functions: list[FunctionSpec] = []
    for resource in application:
        with resource.reading():
            report_properties(resource)
            if resource.type not in FUNCTIONS:
                continue
            if (dockerfile := images.dockerfile_of(resource)) is not None:
                files.add(dockerfile)  # even if the function is skipped
            functions.append(function_of(resource, build_dir, function_routes))
    for each in functions:
        files.add(*(each.image.files if each.image else ()))
    for stack in application.stacks:
        report_sections(stack)
        files.add(*stack.code_files)
    return functions


def _fail_without_functions(path: Path, application: Application) -> NoReturn:
    skipped = sorted(application.skipped(), key=lambda each: each.served_name is None)
    if (invalid := next((each.error for each in skipped if each.error), None)) is not None:
        raise invalid
    if len(skipped) == 1 and isinstance(skipped[0].cause, TemplateError):
        raise skipped[0].cause  # it names the file of the only function
    for resource, problem, hint in _misspelt_types(application):
        resource.stack.document.fail(resource.line, problem, hint)
    if skipped:
        first = skipped[0]
        hint = f"{first.logical_id}: {first.reason}"
        raise TemplateError(first.template, first.line, "no function can run locally", hint)
    hint = "add a resource with Type: AWS::Serverless::Function"
    raise TemplateError(path, 1, "the template has no function", hint)


def _report_misspelt_parameters(root: Stack, names: Iterable[str]) -> None:
    parameters = root.document.section("Parameters")
    for name in names:
        if name not in parameters and name.isalnum():  # else it is an attribute or of a stack
            for near in get_close_matches(name, parameters, 1, _SIMILARITY):
                hint = f"did you mean {near}?"
                root.notices.add(parameters.line_of(near), f"there is no parameter {name}; {hint}")


def _misspelt_types(application: Application) -> Iterator[tuple[Resource, str, str]]:
    """Yield the resources whose type is similar to that of a function, with problem and hint."""
    for each in application:
        if each.type not in FUNCTIONS:
            for near in get_close_matches(each.type, FUNCTIONS, 1, _SIMILARITY):
                yield each, f"unknown Type {each.type}", f"did you mean {near}?"


def _disambiguate_names(application: Application) -> None:
    """
    Give functions and layers of nested stacks unique names, such as `Child-Function`.

    AWS adds the stack's name and a random suffix to a generated name.
    """
    for kinds in (FUNCTIONS, tuple(LAYERS)):
        named: list[tuple[Resource, str]] = []
        uses = Counter[str]()
        for each in application.by_type(*kinds):
            with each.reading():  # its name may be invalid
                uses[(name := each.name).lower()] += 1
                if isinstance(each.properties.text("FunctionName"), Unresolved | None):
                    named.append((each, name))
        for each, name in named:
            if each.stack.context.path and uses[name.lower()] > 1:
                path = each.id_in_code
                new_name = path.replace("/", "-")[-_MAX_NAME_LENGTH:].lstrip("-")
                each.stack.names.rename(each.logical_id, new_name)
                if kinds == FUNCTIONS:
                    hint = "set FunctionName to choose another name"
                    notice = f"{path} is served as {new_name}, because {name} is not unique; {hint}"
                    each.note(notice)


def _skip_equal_names(functions: list[FunctionSpec]) -> Iterator[SkippedResource]:
    """Remove each function that has the name of another one, and yield a record of it."""
    seen: dict[str, FunctionSpec] = {}
    for function in tuple(functions):
        first = seen.setdefault(function.name.lower(), function)
        if first is not function and function.template:
            path, line, name = function.template, function.line or 1, function.logical_id
            problem = f"{first.logical_id} and {name} have the same name, {function.name}"
            hint = "give each a unique FunctionName"
            error = TemplateError(path, line, problem, hint)
            functions.remove(function)
            yield SkippedResource(name, path, line, f"{problem}; {hint}", error)
