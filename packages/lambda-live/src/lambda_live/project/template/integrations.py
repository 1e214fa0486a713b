"""
Which function each route of an API leads to.

An integration names its function by an ARN, which may be that of an alias or of a version, or come
from a condition, a mapping or another stack. So its URI is resolved first, and then compared with
the ARNs of all functions. Each URI is resolved once.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from lambda_live.model.template import Route
from lambda_live.project.template.api_settings import Stage
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.resources import Resource, Resources, qualifier_in

_SUBTYPES = ("IntegrationSubtype", "integrationSubtype")
"""CloudFormation's and OpenAPI's name of the AWS service action of an HTTP API's integration."""

_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")
_OTHER_BACKENDS = ("AWS", "HTTP", "HTTP_PROXY")


@dataclass(frozen=True, slots=True)
class Integration:
    """
    An integration of an API with a backend.

    `owner` is the resource that defines it. `stage` returns the settings of the API's stage.
    `keys` are the names of its URI and its type. `label` is the route as METHOD PATH. `read`
    returns the route if the backend is a function, or None, with a notice, if the integration is
    not supported; it raises TemplateError.
    """

    resources: Resources
    owner: Resource
    properties: Properties
    keys: tuple[str, str]
    label: str
    stage: Callable[[], Stage]
    read: Callable[[], Route | None]

    @property
    def uri(self) -> str:
        """The resolved URI, with the values of the stage's variables."""
        uri = self.resources.resolve_quietly(self.properties.raw.get(self.keys[0]))
        if "stageVariables" not in uri:
            return uri
        variables = self.stage().get("stage_variables") or {}
        return _STAGE_VARIABLE.sub(lambda found: variables.get(found[1], found[0]), uri)

    @property
    def _is_preflight(self) -> bool:
        is_options = self.owner.properties.text("HttpMethod") == "OPTIONS"
        return is_options or self.label.startswith("OPTIONS ")

    def note_missing_function(self, uri: str) -> None:
        """Report a route that leads to no function of the application, except CORS's mocks."""
        kind = (self.properties.text(self.keys[1]) or "").upper()
        subtypes = (self.properties.text(key) for key in _SUBTYPES if key in self.properties)
        if action := next(subtypes, None):
            reason = f"it calls the AWS service action {action}; only functions are called here"
        elif kind == "AWS_PROXY":
            backend = uri.rpartition("/functions/")[2].removesuffix("/invocations") or "nothing"
            reason = (
                f"it leads to {backend}, which is not a function of this template; refer to the"
                " function with !GetAtt NAME.Arn"
            )
        elif kind in _OTHER_BACKENDS:
            backend = uri.rpartition(":apigateway:")[2] or "a backend"
            reason = f"it leads to {backend}; only functions are called here"
        elif kind == "MOCK" and not self._is_preflight:
            reason = "it is a mock; only functions are called here"
        else:
            return
        key = self.keys[0] if self.keys[0] in self.properties.raw else self.keys[1]
        line = self.properties.line(key)
        self.resources.note(line, f"{self.label} is not served: {reason}")


class FunctionRoutes:
    """The routes of an application's APIs by function."""

    def __init__(self, integrations: Iterable[Integration]) -> None:
        self._integrations: dict[str, list[tuple[Integration, str | None]]] = {}
        for each in integrations:
            with each.resources.reading(each.owner):
                uri = each.uri
                if (found := each.resources.application.function(uri)) is None:
                    each.note_missing_function(uri)
                else:
                    resources, function = found
                    arn = resources.function_arn(function)
                    self._integrations.setdefault(arn, []).append((each, qualifier_in(uri)))

    def routes_to(self, resources: Resources, function: Resource) -> Iterator[Route]:
        """Yield the valid routes to a function."""
        for each, qualifier in self._integrations.get(resources.function_arn(function), ()):
            with each.resources.reading(each.owner):
                if (route := each.read()) is not None:
                    yield replace(route, qualifier=qualifier)
