"""
The resources of a template: by type, by name, and which of them speak of which function.

Those of an application are in several stacks, where some are nested.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lambda_live.model.template import SkippedResource
from lambda_live.project.cdk.asset_source import Origins
from lambda_live.project.template.document import Document, Object, Value
from lambda_live.project.template.intrinsics import Intrinsics
from lambda_live.project.template.merge_globals import merged
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.references import as_text
from lambda_live.project.template.stack_context import Surroundings
from lambda_live.project.template.targets import mentions, names_in, target

FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
LAYERS = {"AWS::Serverless::LayerVersion": "ContentUri", "AWS::Lambda::LayerVersion": "Content"}

NESTED = {"AWS::Serverless::Application": "Location", "AWS::CloudFormation::Stack": "TemplateURL"}
MACRO = "Fn::Transform"

_FUNCTION = re.compile(r":function:([\w-]+)")
_GLOBALS = {
    "AWS::Serverless::Api": "Api",
    "AWS::Serverless::Function": "Function",
    "AWS::Serverless::HttpApi": "HttpApi",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource whose condition holds."""

    logical_id: str
    type: str
    line: int
    properties: Properties
    metadata: Properties


class Resources:
    """All resources; `Globals` are in their properties already."""

    def __init__(self, document: Document, surroundings: Surroundings) -> None:
        self.document = document
        self.path = surroundings.path
        self.full = surroundings.full
        self.included = surroundings.included
        self.intrinsics = Intrinsics(document, surroundings)
        self._raw = document.section("Resources")
        self._globals = document.section("Globals")
        self._routes: dict[tuple[str, str, str], int] = {}
        self.application = Application((self,))
        self.archives: list[Path] = []
        """Files of code that are no folder: whether they can be read or not, they may change."""
        self._lent: dict[int, Resource | None] = {}
        self._all = {each.logical_id: each for each in self._read()}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._all.values())

    def get(self, logical_id: str) -> Resource | None:
        """Return the resource of this logical id."""
        return self._all.get(logical_id)

    def of(self, *types: str) -> Iterator[Resource]:
        """Return those of these types."""
        return (each for each in self if each.type in types)

    def about(self, logical_id: str, kind: str, key: str) -> Iterator[Resource]:
        """Return those of a type whose property names the resource."""
        for each in self.of(kind):
            if target(each.properties.raw.get(key)) == logical_id:
                yield each

    def leads_to(self, value: Value, function: Resource) -> bool:
        """Whether a value has a function in it: of this stack, or the ARN of another stack's."""
        own = self.get(function.logical_id) is function
        return mentions(value, function.logical_id) if own else self.lent(value) is function

    def lent(self, value: Value) -> Resource | None:
        """Return the function of another stack whose ARN is in a value."""
        if id(value) not in self._lent:
            borrowed = any(map(self._is_borrowed, names_in(value)))
            text = as_text(self.intrinsics.resolve(value)) if borrowed else ""
            found = _FUNCTION.search(text)
            self._lent[id(value)] = self.application.function(found[1]) if found else None
        return self._lent[id(value)]

    def home_of(self, value: Value) -> "tuple[Resources, str]":
        """Return the stack that has what a value points at, and its logical id there."""
        logical_id = target(value) or ""
        if self._is_parameter(logical_id):
            given = as_text(self.intrinsics.resolve(value))
            home = next((each for each in self.application.stacks if each.get(given)), None)
            return (home, given) if home else (self, logical_id)
        return self, logical_id

    def outside(self, logical_id: str) -> str:
        """Return what one of several stacks' resources is called in an ARN."""
        return self.full(logical_id).replace("/", "-")

    def _is_borrowed(self, name: str) -> bool:
        resource = self.get(name)
        return self._is_parameter(name) if resource is None else resource.type in NESTED

    def _is_parameter(self, name: str) -> bool:
        return bool(self.path) and name in self.document.section("Parameters")

    def name_of(self, logical_id: str) -> str:
        """Return the name that `Ref` and callers know it by."""
        return self.intrinsics.references.name_of(logical_id)

    def rename(self, logical_id: str, name: str) -> None:
        """Have the resource known by another name."""
        self.intrinsics.references.names[logical_id] = name

    def note(self, about: str, sentence: str) -> None:
        """Tell of something once."""
        self.intrinsics.references.unknown.setdefault(about, sentence)

    def notices(self) -> tuple[str, ...]:
        """Return all that is to be told."""
        return (*self.document.notices, *self.intrinsics.references.unknown.values())

    def left_out(self, resource: Resource, sentence: str) -> SkippedResource:
        """Return why a resource can't be served."""
        path = self.document.path
        return SkippedResource(self.full(resource.logical_id), path, resource.line, sentence)

    def claim(self, event: Properties, api: str, method: str, path: str) -> None:
        """Take a route for an event of SAM's. Raises TemplateError if another has it."""
        route = api, method, path
        if route in self._routes:
            twice = f"{method} {path} of {api} is here twice, first on line {self._routes[route]}"
            event.wrong("Path", twice, "remove one of them")
        self._routes[route] = event.line("Path")

    def general(self, section: str) -> Properties:
        """Return a section of `Globals`."""
        raw = self._globals.get(section)
        return self._properties(raw if isinstance(raw, Object) else Object(self._globals.line))

    def _read(self) -> Iterator[Resource]:
        for logical_id, raw in self._raw.items():
            line = self._raw.line_of(logical_id)
            if logical_id.startswith("Fn::"):
                yield Resource(logical_id, MACRO, line, *self._empty(line))
            elif not isinstance(raw, Object) or not isinstance(raw.get("Type"), str):
                self.document.wrong(
                    line, f"{logical_id} has no Type", "write Type: AWS::Serverless::Function"
                )
            elif self._wanted(raw):
                yield self._resource(logical_id, str(raw["Type"]), line, raw)

    def _resource(self, logical_id: str, kind: str, line: int, raw: Object) -> Resource:
        own = self.intrinsics.head(raw.get("Properties"))
        whole = merged(self._globals.get(_GLOBALS.get(kind, "")), own)
        if not isinstance(whole, Object | None):
            self.document.wrong(line, f"{logical_id}'s Properties are no mapping", "write NAME: …")
        metadata = raw.get("Metadata")
        return Resource(
            logical_id,
            kind,
            line,
            self._properties(whole or Object(line)),
            self._properties(metadata if isinstance(metadata, Object) else Object(line)),
        )

    def _wanted(self, raw: Object) -> bool:
        condition = raw.get("Condition")
        return not isinstance(condition, str) or self.intrinsics.condition(condition)

    def _empty(self, line: int) -> tuple[Properties, Properties]:
        return self._properties(Object(line)), self._properties(Object(line))

    def _properties(self, raw: Object) -> Properties:
        return Properties(raw, self.document, self.intrinsics)


class Application:
    """All the stacks of one application, the root first."""

    def __init__(self, stacks: Sequence[Resources]) -> None:
        self.stacks = stacks
        self.origins = Origins()
        self._functions: dict[str, Resource] = {}

    def layer(self, arn: str) -> tuple[Resources, Resource] | None:
        """Return the layer that `Ref` calls so in the stack that has it."""
        for resources in self.stacks:
            for each in resources.of(*LAYERS):
                if resources.intrinsics.references.ref(each.logical_id) == arn:
                    return resources, each
        return None

    def function(self, name: str) -> Resource | None:
        """Return the function of that name."""
        if not self._functions:
            for resources in self.stacks:
                for each in resources.of(*FUNCTIONS):
                    self._functions[resources.name_of(each.logical_id)] = each
        return self._functions.get(name)
