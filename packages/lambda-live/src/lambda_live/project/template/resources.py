"""
The resources of a template: find them by type and name, and find those that refer to a function.

An application consists of a root stack and its nested stacks.
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lambda_live.model.template import SkippedResource
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.cdk.asset_source import AssetSourceFinder
from lambda_live.project.document import Array, Document, Object, Value
from lambda_live.project.template.intrinsics import Intrinsics, is_intrinsic
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.references import (
    StackContext,
    as_text,
    muted,
    referenced_id,
)

FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
LAYERS = {"AWS::Serverless::LayerVersion": "ContentUri", "AWS::Lambda::LayerVersion": "Content"}
NESTED = {"AWS::Serverless::Application": "Location", "AWS::CloudFormation::Stack": "TemplateURL"}
MACRO = "Fn::Transform"

_FUNCTION_ARN = re.compile(r"arn:[\w-]+:lambda:[\w-]*:\d*:function:[\w-]+")
_QUALIFIER = re.compile(_FUNCTION_ARN.pattern + r":(\$LATEST|[\w-]+)")
_GLOBALS = {
    "AWS::Serverless::Api": "Api",
    "AWS::Serverless::Function": "Function",
    "AWS::Serverless::HttpApi": "HttpApi",
}

_READ_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a value of a wrong type, or a resource that contains itself, raises."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource whose condition is true."""

    logical_id: str
    type: str
    line: int
    properties: Properties
    metadata: Properties


class Resources:
    """The resources of one stack, with `Globals` merged into their properties."""

    def __init__(
        self, document: Document, context: StackContext, application: "Application"
    ) -> None:
        self.document = document
        self.application = application
        self.stack_path = context.path
        self.qualified_name = context.qualified_name
        self.included = context.included
        self.local_variables = context.local_variables
        self.intrinsics = Intrinsics(document, context)
        self._references = self.intrinsics.references
        self._raw = document.section("Resources")
        self._globals = document.section("Globals")
        for section, raw in self._globals.items():
            if not isinstance(raw, Object | None):
                notice = f"{section} in Globals must be a mapping; it is ignored"
                self.note(self._globals.line_of(section), notice)
        self._routes: dict[tuple[str, str, str], int] = {}
        self.code_files: list[Path] = []
        """Files, such as zip archives, whose change may change a function."""
        self._invalid: dict[tuple[str, str], SkippedResource] = {}
        self._all = {each.logical_id: each for each in self._read()}

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._all.values()))

    @contextmanager
    def reading(self, resource: Resource) -> Iterator[None]:
        """Record an error in the block, and go on: one invalid resource must not stop the rest."""
        try:
            yield
        except (TemplateError, UnsupportedFunctionError) as error:
            self._record(resource, error)
        except _READ_ERRORS as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            problem = f"a property has an invalid value ({reason})"
            hint = f"compare it with AWS's page about {resource.type}"
            path, line = self.document.path, resource.line
            self._record(resource, TemplateError(path, line, problem, hint))

    def _record(self, resource: Resource, error: Exception) -> None:
        skipped = self.skip(resource, error)
        self._invalid[resource.logical_id, skipped.reason] = skipped

    def read[Item](
        self, resources: Iterable[Resource], read: Callable[[Resource], Iterable[Item]]
    ) -> Iterator[Item]:
        """Yield what `read` yields for each resource, and record the invalid ones."""
        for each in resources:
            items: list[Item] = []
            with self.reading(each):
                items.extend(read(each))
            yield from items

    def invalid(self) -> tuple[SkippedResource, ...]:
        """Return the resources that are not served because of an error."""
        return tuple(self._invalid.values())

    def get(self, logical_id: str) -> Resource | None:
        """Return the resource with this logical ID."""
        return self._all.get(logical_id)

    def by_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of these types."""
        return (each for each in self if each.type in types)

    def referring_to(self, logical_id: str, kind: str, key: str) -> Iterator[Resource]:
        """Yield the resources of a type whose property refers to another resource."""
        for each in self.by_type(kind):
            with self.reading(each):
                if each.properties.reference(key) == logical_id:
                    yield each

    def resolve_quietly(self, value: Value) -> str:
        """Return a value as text, without notices about its unresolved parts."""
        with muted():
            return as_text(self.intrinsics.resolve(value))

    def resolve_owner(self, value: Value) -> "tuple[Resources, str]":
        """Return the stack that owns the resource a value refers to, and its logical ID there."""
        logical_id = referenced_id(self.intrinsics.without_conditions(value)) or ""
        if self.stack_path and logical_id in self.document.section("Parameters"):
            passed = self.resolve_quietly(value)
            owner = next((each for each in self.application.stacks if each.get(passed)), None)
            return (owner, passed) if owner else (self, logical_id)
        return self, logical_id

    def qualified_id(self, logical_id: str) -> str:
        """Return an ID for use in ARNs that is unique among the application's stacks."""
        return self.qualified_name(logical_id).replace("/", "-")

    def name_of(self, logical_id: str) -> str:
        """Return the name that `Ref` and clients use."""
        return self._references.name_of(logical_id)

    def function_arn(self, function: Resource) -> str:
        """Return the unqualified ARN of a function of this stack."""
        return self._references.function_arn(self.name_of(function.logical_id))

    def rename(self, logical_id: str, name: str) -> None:
        """Give a resource another name."""
        self._references.rename(logical_id, name)

    def id_in_code(self, logical_id: str) -> str:
        """Return the ID that the user knows, with the stack's path: CDK's construct ID if any."""
        return self.qualified_name(self._references.id_in_code(logical_id))

    def override(self, logical_id: str, attribute: str) -> str | None:
        """Return the user's `--parameter LogicalId.Attribute=VALUE`."""
        ids = dict.fromkeys((self._references.id_in_code(logical_id), logical_id))
        overrides = (self._references.override(f"{each}.{attribute}") for each in ids)
        return next((each for each in overrides if each is not None), None)

    def note(self, line: int, notice: str, key: str | None = None) -> None:
        """Record a notice, `PROBLEM; HINT`, about a line; once for each key."""
        self._references.note(key or f"{line}: {notice}", line, notice)

    def notices(self) -> tuple[str, ...]:
        """Return all notices as `PATH:LINE: PROBLEM; HINT`."""
        return tuple(self._references.notices())

    def skip(self, resource: Resource, reason: str | Exception) -> SkippedResource:
        """Return a record of a resource that is not served, because of an error or by design."""
        name = self.id_in_code(resource.logical_id)
        if not isinstance(reason, TemplateError):
            cause = reason.__cause__ if isinstance(reason, Exception) else None
            path, line = self.document.path, resource.line
            return SkippedResource(name, path, line, str(reason), cause=cause)
        problem = f"{reason.problem}; {reason.hint}"
        served = None
        with contextlib.suppress(TemplateError):  # its name may be the error
            served = self.name_of(resource.logical_id) if resource.type in FUNCTIONS else None
        return SkippedResource(name, reason.path, reason.line or 1, problem, reason, served)

    def register_route(self, event: Properties, api: str, method: str, path: str) -> None:
        """Reserve a route for a SAM event. Raises TemplateError if another event has it."""
        route = api, method, path
        if route in self._routes:
            problem = (
                f"duplicate route {method} {path} of {api}, first on line {self._routes[route]}"
            )
            event.fail("Path", problem, "remove one of them")
        self._routes[route] = event.line("Path")

    def globals_for(self, section: str) -> Properties:
        """Return a section of `Globals`."""
        raw = self._globals.get(section)
        return self._properties(raw if isinstance(raw, Object) else Object(self._globals.line))

    def _read(self) -> Iterator[Resource]:
        for logical_id, raw in self._raw.items():
            line = self._raw.line_of(logical_id)
            empty = self._properties(Object(line))
            kind = MACRO if logical_id.startswith("Fn::") else _type_of(raw)
            resource = Resource(logical_id, kind, line, empty, empty)
            if kind == MACRO:
                yield resource
                continue
            enabled: list[Resource] = []
            with self.reading(resource):
                if not isinstance(raw, Object) or not kind:
                    hint = "write Type: AWS::Serverless::Function"
                    self.document.fail(line, f"{logical_id} has no Type", hint)
                if self._is_enabled(raw):
                    enabled.append(self._resource(logical_id, kind, line, raw))
            yield from enabled

    def _resource(self, logical_id: str, kind: str, line: int, raw: Object) -> Resource:
        own = self.intrinsics.head(raw.get("Properties"))
        properties = merge_globals(self._globals.get(_GLOBALS.get(kind, "")), own)
        if not isinstance(properties, Object | None):
            problem = f"the Properties of {logical_id} must be a mapping"
            self.document.fail(line, problem, "write NAME: VALUE below it")
        metadata = raw.get("Metadata")
        return Resource(
            logical_id,
            kind,
            line,
            self._properties(properties or Object(line)),
            self._properties(metadata if isinstance(metadata, Object) else Object(line)),
        )

    def _is_enabled(self, raw: Object) -> bool:
        condition = raw.get("Condition")
        line = raw.line_of("Condition")
        if not isinstance(condition, str | None):
            self.document.fail(line, "Condition must be a name", "define it in Conditions")
        return condition is None or self.intrinsics.condition(condition, line)

    def _properties(self, raw: Object) -> Properties:
        return Properties(raw, self.document, self.intrinsics)


class Application:
    """The stacks of one application, the root first."""

    def __init__(self) -> None:
        self.asset_sources = AssetSourceFinder()
        self.stacks: Sequence[Resources] = ()
        """All stacks, once they are read."""
        self._functions: dict[str, FunctionResource] = {}
        self._referring: dict[str, dict[str, list[FunctionResource]]] = {}

    def layer(self, arn: str) -> tuple[Resources, Resource] | None:
        """Return the layer with this ARN, and its stack."""
        for resources in self.stacks:
            for each in resources.by_type(*LAYERS):
                if resources.intrinsics.references.ref(each.logical_id) == arn:
                    return resources, each
        return None

    def function(self, text: str) -> "FunctionResource | None":
        """Return the function whose ARN is in a text, such as an integration's URI."""
        arn = _FUNCTION_ARN.search(text)
        return self._functions_by_arn().get(arn[0]) if arn else None

    def referring_to_function(
        self, resources: Resources, function: Resource, kind: str, key: str
    ) -> Iterator["FunctionResource"]:
        """
        Yield the resources of a type, in all stacks, whose property names a function.

        The property has the function's name or its ARN, with or without a qualifier.
        """
        if kind not in self._referring:
            self._referring[kind] = {}
            for stack in self.stacks:
                for each in stack.by_type(kind):
                    with stack.reading(each):
                        text = stack.resolve_quietly(each.properties.raw.get(key))
                        arn = stack.intrinsics.references.function_arn(text)
                        self._referring[kind].setdefault(arn, []).append((stack, each))
        yield from self._referring[kind].get(resources.function_arn(function), ())

    def report_other_functions(self) -> None:
        """Report the aliases, URLs and settings of functions that the application does not have."""
        for found in self._referring.values():
            for arn in found.keys() - self._functions_by_arn().keys():
                for stack, each in found[arn]:
                    name = arn.rpartition(":")[2] or "nothing"
                    problem = f"{each.logical_id} has no effect: {name} is not a function"
                    stack.note(each.line, f"{problem} of this template; name one of its functions")

    def _functions_by_arn(self) -> "dict[str, FunctionResource]":
        if not self._functions:
            for resources in self.stacks:
                for each in resources.by_type(*FUNCTIONS):
                    with resources.reading(each):  # its name may be invalid
                        self._functions[resources.function_arn(each)] = resources, each
        return self._functions


def _type_of(raw: Value) -> str:
    kind = raw.get("Type") if isinstance(raw, Object) else None
    return kind if isinstance(kind, str) else ""


type FunctionResource = tuple[Resources, Resource]
"""A resource, and the resources of its stack."""


def qualifier_in(text: str) -> str | None:
    """Return the alias or version of the function ARN that is in a text."""
    found = _QUALIFIER.search(text)
    return found[1] if found else None


def merge_globals(general: Value, own: Value) -> Value:
    """
    Merge `Globals` into a property as SAM does.

    Lists are concatenated and mappings merged by key. Otherwise the resource's own value wins.
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
    """
    if own is None or general is None:
        return general if own is None else own
    if isinstance(general, Array) and isinstance(own, Array):
        return Array(own.line, (*general, *own))
    if not isinstance(general, Object) or not isinstance(own, Object):
        return own
    if is_intrinsic(general) or is_intrinsic(own):
        return own
    result = Object(own.line)
    for key in {**general, **own}:
        line = own.line_of(key) if key in own else general.line_of(key)
        result.put(key, merge_globals(general.get(key), own.get(key)), line)
    return result
