"""The startup notices about a template, `PATH:LINE: PROBLEM; HINT`, each once for all functions."""

from collections.abc import Iterable, Iterator, Sequence

from lambda_live.dependencies.interpreters import explain_substitute
from lambda_live.model.template import FunctionSpec, SkippedResource, Template
from lambda_live.model.template_error import place_of, short_path

_MAX_NAMES = 4
"""Names in one notice; a terminal has 24 rows."""


def describe_invalid(part: SkippedResource) -> str:
    """Return the notice about a part of a template that is skipped because of an error."""
    return f"{place_of(part.template, part.line)}: {part.logical_id} is not served: {part.reason}"


def collect_notices(template: Template) -> Iterator[str]:
    """Yield all notices, except those about invalid parts."""
    yield from _skipped(template)
    yield from template.notices
    yield from _runtimes(template)
    for function in template.functions:
        yield from function.image.notices if function.image else ()
        yield from (event.reason for event in function.unsupported_events)
    yield from _unverified_authorizers(template)
    yield from _response_streams(template)
    yield from _unknown_api_keys(template)


def _grouped(items: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, list[str], str]]:
    """Yield each key with its names and the place of the first one. Items have all three."""
    names: dict[str, dict[str, None]] = {}
    places: dict[str, str] = {}
    for key, name, place in items:
        names.setdefault(key, {})[name] = None
        places.setdefault(key, place)
    for key, group in names.items():
        yield key, list(group), places[key]


def list_names(names: Sequence[str]) -> str:
    """Return names with commas, and the number of those that are too many."""
    if len(names) <= _MAX_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[: _MAX_NAMES - 1])} and {len(names) - _MAX_NAMES + 1} more"


def _place_of(function: FunctionSpec) -> str:
    """Return the place of a function in the project, as `PATH:LINE: `."""
    if function.template is not None:
        return f"{place_of(function.template, function.line)}: "
    return f"{short_path(function.image.files[0])}: " if function.image else ""


def _skipped(template: Template) -> Iterator[str]:
    items = (
        (each.reason, each.logical_id, f"{place_of(each.template, each.line)}: ")
        for each in template.skipped
        if each.error is None
    )
    for reason, names, place in _grouped(items):
        if len(names) == 1:
            yield f"{place}{names[0]} is not served: {reason}"
        else:
            their_reason = reason.replace("its ", "their ", 1)
            yield f"{place}{list_names(names)} are not served: {their_reason}"


def _runtimes(template: Template) -> Iterator[str]:
    items = (
        (function.runtime, function.name, _place_of(function))
        for function in template.functions
        if template.path or function.image
    )
    for runtime, names, place in _grouped(items):
        if explanation := explain_substitute(list_names(names), runtime):
            yield f"{place}{explanation}"


def _unverified_authorizers(template: Template) -> Iterator[str]:
    served = {each.name for each in template.functions}
    items = (
        (f"{authorizer.name} ({authorizer.kind})", function.name, _place_of(function))
        for function in template.functions
        for authorizer in (route.authorizer for route in function.routes)
        if authorizer and authorizer.function not in served
    )
    urls = (
        ("AWS_IAM (function URL)", function.name, _place_of(function))
        for function in template.functions
        if function.url and function.url.auth_type == "AWS_IAM"
    )
    for authorizer, names, place in _grouped((*items, *urls)):
        consequence = _consequence(authorizer)
        yield f"{place}authorizer {authorizer} of {list_names(names)} is not {consequence}"


def _consequence(authorizer: str) -> str:
    if "AWS_IAM" in authorizer:
        return "verified: every request passes; --user-arn sets its user"
    if "(JWT)" in authorizer or "(COGNITO_USER_POOLS)" in authorizer:
        return (
            "verified: the signature of a token is not checked, but its times, issuer and audience"
            " are; --claims sets further claims"
        )
    return "enforced: requests pass without requestContext.authorizer"


def _response_streams(template: Template) -> Iterator[str]:
    items = (
        (function.url.invoke_mode, function.name, _place_of(function))
        for function in template.functions
        if function.url and function.url.invoke_mode == "RESPONSE_STREAM"
    )
    for mode, names, place in _grouped(items):
        yield (
            f"{place}InvokeMode {mode} of {list_names(names)} sends the whole result as one body,"
            " because Python's runtime does not stream; use BUFFERED for statusCode and headers"
        )


def _unknown_api_keys(template: Template) -> Iterator[str]:
    items = (
        (route.api, function.name, _place_of(function))
        for function in template.functions
        for route in function.routes
        if route.api_key and not route.api_key.keys
    )
    for api, names, place in _grouped(items):
        yield (
            f"{place}{api} requires an API key of {list_names(names)}, and any key passes;"
            " add AWS::ApiGateway::ApiKey with a Value to accept this key only"
        )
