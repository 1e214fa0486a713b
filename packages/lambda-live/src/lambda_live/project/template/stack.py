"""
The resources of one stack: find them by ID, type and reference.

An application consists of a root stack and its nested stacks; see `application.py`.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lambda_live.model.template import SkippedResource
from lambda_live.model.template_error import TemplateError, UnsupportedFunctionError
from lambda_live.project.document import Array, Document, Object, Value
from lambda_live.project.template.intrinsics import Intrinsics, is_intrinsic
from lambda_live.project.template.properties import Properties
from lambda_live.project.template.stack_context import StackContext
from lambda_live.project.template.values import referenced_id

if TYPE_CHECKING:
    from lambda_live.project.template.application import Application

FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
LAYERS = {"AWS::Serverless::LayerVersion": "ContentUri", "AWS::Lambda::LayerVersion": "Content"}
NESTED = {"AWS::Serverless::Application": "Location", "AWS::CloudFormation::Stack": "TemplateURL"}
MACRO = "Fn::Transform"

_GLOBALS = {
    "AWS::Serverless::Api": "Api",
    "AWS::Serverless::Function": "Function",
    "AWS::Serverless::HttpApi": "HttpApi",
}

_READ_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a value of a wrong type, or a resource that contains itself, raises."""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One resource whose condition is true."""

    stack: "Stack"
    logical_id: str
    type: str
    line: int
    properties: Properties
    metadata: Properties

    @property
    def name(self) -> str:
        """The name that `Ref` and clients use."""
        return self.stack.names.name_of(self.logical_id)

    @property
    def arn(self) -> str:
        """The unqualified ARN of a function."""
        return self.stack.names.function_arn(self.name)

    @property
    def qualified_id(self) -> str:
        """An ID for use in ARNs that is unique among the application's stacks."""
        return self.stack.context.qualified_name(self.logical_id).replace("/", "-")

    @property
    def id_in_code(self) -> str:
        """The ID that the user knows, with the stack's path: CDK's construct ID if any."""
        name = self.stack.names.id_in_code(self.logical_id)
        return self.stack.context.qualified_name(name)

    def override(self, attribute: str) -> str | None:
        """Return the user's `--parameter LogicalId.Attribute=VALUE`."""
        ids = (self.stack.names.id_in_code(self.logical_id), self.logical_id)
        overrides = (self.stack.context.overrides.get(f"{each}.{attribute}") for each in ids)
        return next((each for each in overrides if each is not None), None)

    def note(self, notice: str) -> None:
        """Record a notice, `PROBLEM; HINT`, about the resource; once."""
        self.stack.notices.add(self.line, notice)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Record an error in the block, and go on: one invalid resource must not stop the rest."""
        try:
            yield
        except (TemplateError, UnsupportedFunctionError) as error:
            self.skip(error)
        except _READ_ERRORS as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else error
            problem = f"a property has an invalid value ({reason})"
            hint = f"compare it with AWS's page about {self.type}"
            path = self.stack.document.path
            self.skip(TemplateError(path, self.line, problem, hint))

    def skip(self, reason: str | Exception) -> None:
        """Record that the resource is not served, because of an error or by design."""
        name, path = self.id_in_code, self.stack.document.path
        if isinstance(reason, TemplateError):
            served = None
            with contextlib.suppress(TemplateError):  # its name may be the error
                served = self.name if self.type in FUNCTIONS else None
            problem = f"{reason.problem}; {reason.hint}"
            line = reason.line or 1
            skipped = SkippedResource(name, reason.path, line, problem, reason, served)
        else:
            cause = reason.__cause__ if isinstance(reason, Exception) else None
            skipped = SkippedResource(name, path, self.line, str(reason), cause=cause)
        self.stack.skipped[name, skipped.reason] = skipped


class Stack:
    """The resources of one stack, with `Globals` merged into their properties."""

    def __init__(
        self, document: Document, context: StackContext, application: "Application"
    ) -> None:
        self.document = document
        self.application = application
        self.context = context
        self.intrinsics = Intrinsics(document, context)
        self.references = self.intrinsics.references
        self.names, self.notices = self.references.names, self.references.notices
        self._raw = document.section("Resources")
        self._globals = document.section("Globals")
        for section, raw in self._globals.items():
            if not isinstance(raw, Object | None):
                notice = f"{section} in Globals must be a mapping; it is ignored"
                self.notices.add(self._globals.line_of(section), notice)
        self.code_files: list[Path] = []
        """Files, such as zip archives, whose change may change a function."""
        self.skipped: dict[tuple[str, str], SkippedResource] = {}
        """The resources that are not served, by name and reason."""
        self._all = {each.logical_id: each for each in self._read()}

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._all.values()))

    def get(self, logical_id: str) -> Resource | None:
        """Return the resource with this logical ID."""
        return self._all.get(logical_id)

    def by_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of these types."""
        return (each for each in self if each.type in types)

    def referring_to(self, logical_id: str, kind: str, key: str) -> Iterator[Resource]:
        """Yield the resources of a type whose property refers to another resource."""
        for each in self.by_type(kind):
            with each.reading():
                if each.properties.reference(key) == logical_id:
                    yield each

    def referenced(self, value: Value) -> Resource:
        """Return the resource that a value refers to; a missing one has an empty type."""
        logical_id = referenced_id(self.intrinsics.without_conditions(value)) or ""
        if self.context.path and logical_id in self.document.section("Parameters"):
            passed = self.intrinsics.quiet_text(value)
            owners = (each.get(passed) for each in self.application.stacks)
            if (found := next(filter(None, owners), None)) is not None:
                return found
        return self.get(logical_id) or self._empty(logical_id, "", self._raw.line)

    def read[Item](
        self, resources: Iterable[Resource], read: Callable[[Resource], Iterable[Item]]
    ) -> Iterator[Item]:
        """Yield what `read` yields for each resource, and record the invalid ones."""
        for each in resources:
            items: list[Item] = []
            with each.reading():
                items.extend(read(each))
            yield from items

    def globals_for(self, section: str) -> Properties:
        """Return a section of `Globals`."""
        raw = self._globals.get(section)
        return self._properties(raw if isinstance(raw, Object) else Object(self._globals.line))

    def _read(self) -> Iterator[Resource]:
        for logical_id, raw in self._raw.items():
            line = self._raw.line_of(logical_id)
            kind = MACRO if logical_id.startswith("Fn::") else _type_of(raw)
            resource = self._empty(logical_id, kind, line)
            if kind == MACRO:
                yield resource
                continue
            enabled: list[Resource] = []
            with resource.reading():
                if not isinstance(raw, Object) or not kind:
                    hint = "write Type: AWS::Serverless::Function"
                    self.document.fail(line, f"{logical_id} has no Type", hint)
                if self._is_enabled(raw):
                    enabled.append(self._resource(logical_id, kind, line, raw))
            yield from enabled

    def _resource(self, logical_id: str, kind: str, line: int, raw: Object) -> Resource:
        own = self.intrinsics.head(raw.get("Properties"))
        properties = merge_globals(self._general(kind, raw.get("IgnoreGlobals")), own)
        if not isinstance(properties, Object | None):
            problem = f"the Properties of {logical_id} must be a mapping"
            self.document.fail(line, problem, "write NAME: VALUE below it")
        metadata = raw.get("Metadata")
        return Resource(
            self,
            logical_id,
            kind,
            line,
            self._properties(properties or Object(line)),
            self._properties(metadata if isinstance(metadata, Object) else Object(line)),
        )

    def _general(self, kind: str, ignored: Value) -> Value:
        """Return the `Globals` of a type, without those that a resource ignores: "*" is all."""
        general = self._globals.get(_GLOBALS.get(kind, ""))
        if not ignored or not isinstance(general, Object):
            return general
        result = Object(general.line)
        for key in general if ignored != "*" else ():
            if key not in ignored:
                result.put(key, general[key], general.line_of(key))
        return result

    def _empty(self, logical_id: str, kind: str, line: int) -> Resource:
        empty = self._properties(Object(line))
        return Resource(self, logical_id, kind, line, empty, empty)

    def _is_enabled(self, raw: Object) -> bool:
        condition = raw.get("Condition")
        line = raw.line_of("Condition")
        if not isinstance(condition, str | None):
            self.document.fail(line, "Condition must be a name", "define it in Conditions")
        return condition is None or self.intrinsics.condition(condition, line)

    def _properties(self, raw: Object) -> Properties:
        return Properties(raw, self)


def _type_of(raw: Value) -> str:
    kind = raw.get("Type") if isinstance(raw, Object) else None
    return kind if isinstance(kind, str) else ""


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
