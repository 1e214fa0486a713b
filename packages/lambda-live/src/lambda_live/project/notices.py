"""The startup notices about a template, `PATH:LINE: PROBLEM; HINT`, each once for all functions."""

from collections.abc import Container, Iterable, Iterator, Sequence

from lambda_live.dependencies.interpreters import explain_substitute
from lambda_live.model.template import FunctionSpec, SkippedResource, Template
from lambda_live.model.template_error import place_of, short_path

_MAX_NAMES = 4
"""Names in one notice; a terminal has 24 rows."""

_OTHER = "enforced: requests pass without requestContext.authorizer"
_SIGNED = (
    "verified: the signature of a token is not checked, but its times, issuer and audience are;"
    " --claims sets further claims"
)
_CONSEQUENCES = {
    "AWS_IAM": "verified: every request passes; --user-arn sets its user",
    "COGNITO_USER_POOLS": _SIGNED,
    "JWT": _SIGNED,
}
"""What happens without the check of an authorizer, by its kind."""


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
    yield from _grouped_differences(template)


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


def _grouped_differences(template: Template) -> Iterator[str]:
    """Yield what AWS checks or streams and this service does not, once for all functions."""
    items = (
        (key, function.name, _place_of(function))
        for function in template.functions
        for key in _differences(function, {each.name for each in template.functions})
    )
    for key, names, place in _grouped(items):
        yield place + key.replace("FUNCTIONS", list_names(names))


def _differences(function: FunctionSpec, served: Container[str]) -> Iterator[str]:
    """Yield notices in which FUNCTIONS stands for the names of functions."""
    for route in function.routes:
        if (authorizer := route.authorizer) and authorizer.function not in served:
            consequence = _CONSEQUENCES.get(authorizer.kind, _OTHER)
            name = f"{authorizer.name} ({authorizer.kind})"
            yield f"authorizer {name} of FUNCTIONS is not {consequence}"
        if route.api_key and not route.api_key.keys:
            yield (
                f"{route.api} requires an API key of FUNCTIONS, and any key passes;"
                " add AWS::ApiGateway::ApiKey with a Value to accept this key only"
            )
    if function.url.auth_type == "AWS_IAM":
        yield f"authorizer AWS_IAM (function URL) of FUNCTIONS is not {_CONSEQUENCES['AWS_IAM']}"
    if function.url.invoke_mode == "RESPONSE_STREAM":
        yield (
            "InvokeMode RESPONSE_STREAM of FUNCTIONS sends the whole result as one body,"
            " because Python's runtime does not stream; use BUFFERED for statusCode and headers"
        )
