"""What a person is told of a template as it is read, each sentence once for all it is about."""

from collections.abc import Iterable, Iterator

from lambda_live.dependencies.interpreters import explain_substitute
from lambda_live.model.template import Template

_MAX_NAMES = 4
"""Names that are told; a terminal has 24 rows."""


def collect_notices(template: Template) -> Iterator[str]:
    """Yield the sentences."""
    yield from _left_out(template)
    yield from template.notices
    yield from _runtimes(template)
    for function in template.functions:
        for sentence in function.image.notices if function.image else ():
            yield f"{function.name}: {sentence}"
        yield from (event.reason for event in function.unsupported_events)
    yield from _unverified(template)


def _grouped(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    groups: dict[str, dict[str, None]] = {}
    for key, name in pairs:
        groups.setdefault(key, {})[name] = None
    for key, names in groups.items():
        yield key, list(names)


def _listed(names: list[str]) -> str:
    if len(names) <= _MAX_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: _MAX_NAMES - 1])} and {len(names) - _MAX_NAMES + 1} more"


def _left_out(template: Template) -> Iterator[str]:
    pairs = ((each.reason, each.logical_id) for each in template.skipped)
    for sentence, names in _grouped(pairs):
        if len(names) == 1:
            yield f"{names[0]} is not served: {sentence}"
        else:
            theirs = sentence.replace("its ", "their ", 1)
            yield f"{_listed(names)} are not served: {theirs}"


def _runtimes(template: Template) -> Iterator[str]:
    pairs = (
        (function.runtime, function.name)
        for function in template.functions
        if template.path or function.image
    )
    for runtime, names in _grouped(pairs):
        if unmet := explain_substitute(_listed(names), runtime):
            yield unmet


def _unverified(template: Template) -> Iterator[str]:
    served = {each.name for each in template.functions}
    pairs = (
        (f"{authorizer.name} ({authorizer.kind})", function.logical_id)
        for function in template.functions
        for authorizer in (route.authorizer for route in function.routes)
        if authorizer and authorizer.function not in served
    )
    for authorizer, names in _grouped(pairs):
        yield (
            f"The authorizer {authorizer} of {_listed(names)} is not verified here: all requests"
            " pass, without requestContext.authorizer"
        )
