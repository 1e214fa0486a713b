"""A template file as functions."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from lambda_local.template.document import load
from lambda_local.template.error import NotServedError, TemplateError
from lambda_local.template.functions import function_of
from lambda_local.template.model import Function, LeftOut, Template
from lambda_local.template.resources import FUNCTIONS, Resources

_NOT_FOLLOWED = {
    "AWS::CloudFormation::Stack": "a nested stack is not followed; give its own template",
    "AWS::Serverless::Application": "a nested application is not followed; give its own template",
    "Fn::ForEach": "Fn::ForEach is not followed; write its resources out",
}


def read(
    path: Path,
    overrides: Mapping[str, str],
    region: str = "us-east-1",
    *,
    inline: Path | None = None,
) -> Template:
    """
    Return the functions of a template.

    `overrides` are values for parameters (`NAME`) and for what a deployment alone knows
    (`LogicalId.Attribute`). Code that is in the template is written below the folder `inline`;
    without one its functions are left out.

    Raises:
        TemplateError: The template is wrong, or no function of it can run here.
    """
    document = load(path)
    if "Resources" not in document.root:
        document.wrong(1, "it has no Resources", "write the functions below Resources:")
    resources = Resources(document, overrides, region)
    functions: list[Function] = []
    left_out: list[LeftOut] = list(_not_followed(resources))
    for resource in resources.of(*FUNCTIONS):
        try:
            functions.append(function_of(resources, resource, inline))
        except NotServedError as error:
            left_out.append(LeftOut(resource.logical_id, resource.line, str(error)))
    if not functions:
        _nothing_to_serve(path, left_out)
    _check_names(path, functions)
    notices = (*document.notices, *resources.intrinsics.references.unknown.values())
    return Template(path, tuple(functions), tuple(left_out), notices)


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
