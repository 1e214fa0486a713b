"""The stage of an API, under which its routes are deployed."""

from collections.abc import Mapping
from typing import TypedDict

from lambda_live.project.template.properties import Properties


class Stage(TypedDict, total=False):
    """What a route has of its stage, by the names that `Route` gives it."""

    stage: str
    stage_variables: Mapping[str, str] | None
    binary_media_types: tuple[str, ...]


def stage_of(api: Properties, *, rest: bool) -> Stage:
    """Return the stage that an API of SAM's, or a stage of CloudFormation's, describes."""
    variables = api.section("Variables" if rest else "StageVariables")
    types = api.texts("BinaryMediaTypes") if rest else ()
    return Stage(
        # SAM's own name for that of an API which no resource stands for
        stage=api.text("StageName") or ("Prod" if rest else "$default"),
        stage_variables={name: variables.text(name) or "" for name in variables.raw} or None,
        binary_media_types=tuple(each.replace("~1", "/") for each in types),
    )


def timeout_of(integration: Properties, key: str, *, rest: bool) -> float | None:
    """Return for how many seconds the API waits for a function, if the template says so."""
    # a REST API's limit is a quota, which AWS raises on request
    milliseconds = integration.number(key, 50, 900_000 if rest else 30_000, "milliseconds")
    return milliseconds and milliseconds / 1000
