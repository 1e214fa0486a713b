"""
Expand `Fn::ForEach` of the transform AWS::LanguageExtensions.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

import re
from collections.abc import Iterator

from lambda_live.model.template import SkippedResource
from lambda_live.model.template_error import TemplateError
from lambda_live.project.document import Array, Document, Object, Value
from lambda_live.project.template.intrinsics import Intrinsics
from lambda_live.project.template.stack_context import StackContext
from lambda_live.project.template.values import Unresolved

_LOOP = "Fn::ForEach::"
_SECTIONS = ("Conditions", "Resources", "Outputs")
_TRANSFORM = "AWS::LanguageExtensions"
MAX_ITERATIONS = 5_000
"""Of all loops in a template; AWS accepts at most 500 resources."""


class ForEach:
    """Expands the loops of one document, and records the loops that cannot be expanded."""

    def __init__(self, document: Document, context: StackContext) -> None:
        self._document = document
        self._intrinsics = Intrinsics(document, context)
        self._qualified_name = context.qualified_name
        self._parameters = document.section("Parameters")
        self._iterations = 0
        self.skipped: list[SkippedResource] = []

    def expand(self) -> Document:
        """Return the document without loops. Raises TemplateError."""
        source = self._document.root
        if not any(_has_loop(source.get(name)) for name in _SECTIONS):
            return self._document
        root = Object(source.line)
        for key, value in source.items():
            root.put(key, self._value(value) if key in _SECTIONS else value, source.line_of(key))
        return Document(self._document.path, root, self._document.notices)

    def _check_transform(self, line: int) -> None:
        transform = self._document.root.get("Transform")
        if _TRANSFORM not in (transform if isinstance(transform, Array) else [transform]):
            hint = f"write Transform: [{_TRANSFORM}, AWS::Serverless-2016-10-31]"
            self._document.fail(line, f"Fn::ForEach needs the transform {_TRANSFORM}", hint)

    def _value(self, value: Value) -> Value:
        if isinstance(value, Array):
            return Array(value.line, map(self._value, value))
        return self._object(value) if isinstance(value, Object) else value

    def _object(self, value: Object) -> Object:
        result = Object(value.line)
        for key, item in value.items():
            line = value.line_of(key)
            if key.startswith(_LOOP):
                for expanded in self._expanded(key, item, line):
                    for name in expanded:
                        self._add(result, name, expanded[name], expanded.line_of(name))
            else:
                self._add(result, key, self._value(item), line)
        return result

    def _add(self, result: Object, key: str, item: Value, line: int) -> None:
        if key in result:
            problem = f"a loop generates {key} twice, first on line {result.line_of(key)}"
            self._document.fail(line, problem, "use ${IDENTIFIER} in the key")
        result.put(key, item, line)

    def _expanded(self, key: str, loop: Value, line: int) -> list[Object]:
        """Return the results of a loop. Record an invalid loop, and return an empty list."""
        try:
            self._check_transform(line)
            return list(self._expand_loop(key, loop, line))
        except TemplateError as error:
            reason = f"{error.problem}; {error.hint}"
            name, at = self._qualified_name(key), error.line or line
            self.skipped.append(SkippedResource(name, error.path, at, reason, error))
            return []

    def _expand_loop(self, key: str, loop: Value, line: int) -> Iterator[Object]:
        match loop:
            case [str() as identifier, collection, Object() as body]:
                if identifier in self._parameters:
                    problem = f"the loop identifier {identifier} is also a parameter"
                    self._document.fail(line, problem, "rename the identifier")
            case _:
                hint = "write [IDENTIFIER, [VALUE, …], {KEY: …}]"
                self._document.fail(line, f"invalid loop {key}", hint)
        for value in self._collection(key, collection, line):
            self._iterations += 1
            if self._iterations > MAX_ITERATIONS:
                problem = f"the loops have more than {MAX_ITERATIONS} iterations"
                self._document.fail(line, problem, "use shorter collections")
            yield self._object(_substitute(body, identifier, value))

    def _collection(self, key: str, collection: Value, line: int) -> list[str]:
        values = self._intrinsics.resolve(collection)
        listed = values if isinstance(values, Array) else [values]
        unknown = next((each for each in listed if isinstance(each, Unresolved)), None)
        if unknown is not None:
            why = self._intrinsics.notices.why(unknown)
            reason = f"its collection is unknown: {why}"
            name = self._qualified_name(key)
            self.skipped.append(SkippedResource(name, self._document.path, line, reason))
            return []
        if not isinstance(values, Array) or not all(isinstance(each, str) for each in values):
            self._document.fail(line, f"the collection of {key} must be a list", "write [VALUE, …]")
        return [str(each) for each in values]


def _has_loop(value: Value) -> bool:
    if isinstance(value, Object):
        return any(key.startswith(_LOOP) or _has_loop(item) for key, item in value.items())
    return isinstance(value, Array) and any(map(_has_loop, value))


def _substitute(body: Object, identifier: str, value: str) -> Object:
    alphanumeric = re.sub(r"[^a-zA-Z0-9]", "", value)

    def replace_text(text: str) -> str:
        return text.replace(f"${{{identifier}}}", value).replace(f"&{{{identifier}}}", alphanumeric)

    def replace_value(item: Value) -> Value:
        match item:
            case str():
                return replace_text(item)
            case Array():
                return Array(item.line, map(replace_value, item))
            case {"Ref": str() as name} if name == identifier:
                return value
            case Object():
                return replace_object(item)
            case _:
                return None

    def replace_object(item: Object) -> Object:
        result = Object(item.line)
        for key, each in item.items():
            result.put(replace_text(key), replace_value(each), item.line_of(key))
        return result

    return replace_object(body)
