"""A template file, or the lack of one, as functions."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from lambda_local.template import code
from lambda_local.template.document import load
from lambda_local.template.error import NotServedError, TemplateError
from lambda_local.template.functions import TYPES, function_of
from lambda_local.template.model import Function, LeftOut, Template
from lambda_local.template.resources import Resources

NAMES = ("template.yaml", "template.yml", "template.json")
"""As SAM CLI looks for them."""

DEFAULT_HANDLER = "lambda_function.lambda_handler"
"""AWS's own, for a new Python function."""

_NOT_FOLLOWED = {
    "AWS::CloudFormation::Stack": "a nested stack is not followed; give its own template",
    "AWS::Serverless::Application": "a nested application is not followed; give its own template",
    "Fn::ForEach": "Fn::ForEach is not followed; write its resources out",
}


def find(folder: Path) -> Path | None:
    """Return the template of a folder, if it has one."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read(path: Path, overrides: Mapping[str, str], region: str = "us-east-1") -> Template:
    """
    Return the functions of a template.

    `overrides` are values for parameters (`NAME`) and for what a deployment alone knows
    (`LogicalId.Attribute`).

    Raises:
        TemplateError: The template is wrong, or no function of it can run here.
    """
    document = load(path)
    if "Resources" not in document.root:
        document.wrong(1, "it has no Resources", "write the functions below Resources:")
    resources = Resources(document, overrides, region)
    functions: list[Function] = []
    left_out: list[LeftOut] = list(_not_followed(resources))
    for resource in resources.of(*TYPES):
        try:
            functions.append(function_of(resources, resource))
        except NotServedError as error:
            left_out.append(LeftOut(resource.logical_id, resource.line, str(error)))
    if not functions:
        _nothing_to_serve(path, left_out)
    _check_names(path, functions)
    unknown = resources.intrinsics.references.unknown
    return Template(path, tuple(functions), tuple(left_out), tuple(unknown.values()))


def without_template(folder: Path, handler: str = DEFAULT_HANDLER) -> Template:
    """
    Return the one function of a folder without a template, called `function`.

    Raises:
        TemplateError: The handler is not there.
    """
    module, _, name = handler.rpartition(".")
    if not module or not name:
        raise TemplateError(folder, None, f"{handler!r} is no handler", "write MODULE.FUNCTION")
    if not code.has_module(folder, handler):
        file = f"{module.replace('.', '/')}.py"
        wrong = f"here is neither a template nor {file}, for the handler {handler!r}"
        instead = "name the handler (MODULE.FUNCTION), or write a template.yaml"
        raise TemplateError(folder, None, wrong, instead)
    only = Function("function", "function", None, handler, folder, "python3.12")
    return Template(None, (only,))


def _not_followed(resources: Resources) -> Iterator[LeftOut]:
    for each in resources.of(*_NOT_FOLLOWED):
        yield LeftOut(each.logical_id, each.line, _NOT_FOLLOWED[each.type])


def _nothing_to_serve(path: Path, left_out: list[LeftOut]) -> None:
    if left_out:
        first = left_out[0]
        wrong = f"no function can run here; {first.logical_id}: {first.sentence}"
        raise TemplateError(path, first.line, wrong, "add one in Python")
    instead = "write a resource of Type: AWS::Serverless::Function"
    raise TemplateError(path, 1, "there is no function", instead)


def _check_names(path: Path, functions: list[Function]) -> None:
    seen: dict[str, Function] = {}
    for function in functions:
        first = seen.setdefault(function.name.lower(), function)
        if first is not function:
            wrong = f"{first.logical_id} and {function.logical_id} are both called {function.name}"
            raise TemplateError(path, function.line, wrong, "give each a FunctionName of its own")
