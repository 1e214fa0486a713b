"""
`Fn::ForEach` of the transform AWS::LanguageExtensions, written out.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html
"""

import re
from collections.abc import Iterator

from lambda_live.model.template import SkippedResource
from lambda_live.project.template.document import Array, Document, Object, Value
from lambda_live.project.template.intrinsics import Intrinsics
from lambda_live.project.template.references import StandIn
from lambda_live.project.template.stack_context import Surroundings

_LOOP = "Fn::ForEach::"
_SECTIONS = ("Conditions", "Resources", "Outputs")
_TRANSFORM = "AWS::LanguageExtensions"
_MOST_ROUNDS = 5_000
"""Of all loops; AWS takes no template of more than 500 resources."""


class Loops:
    """Writes out the loops of one document, and keeps those that it can't."""

    def __init__(self, document: Document, surroundings: Surroundings) -> None:
        self._document = document
        self._intrinsics = Intrinsics(document, surroundings)
        self._full = surroundings.full
        self._parameters = document.section("Parameters")
        self._rounds = 0
        self.left_out: list[SkippedResource] = []

    def written_out(self) -> Document:
        """Return the document without loops. Raises TemplateError."""
        written = self._document.root
        lines = (line for name in _SECTIONS for line in _loops(written.get(name)))
        if (line := next(lines, None)) is None:
            return self._document
        self._check_transform(line)
        root = Object(written.line)
        for key, value in written.items():
            root.put(key, self._value(value) if key in _SECTIONS else value, written.line_of(key))
        return Document(self._document.path, root, self._document.notices)

    def _check_transform(self, line: int) -> None:
        given = self._document.root.get("Transform")
        if _TRANSFORM not in (given if isinstance(given, Array) else [given]):
            instead = f"write Transform: [{_TRANSFORM}, AWS::Serverless-2016-10-31]"
            self._document.wrong(line, f"Fn::ForEach needs the transform {_TRANSFORM}", instead)

    def _value(self, value: Value) -> Value:
        if isinstance(value, Array):
            items = Array(value.line)
            items.extend(map(self._value, value))
            return items
        return self._object(value) if isinstance(value, Object) else value

    def _object(self, value: Object) -> Object:
        result = Object(value.line)
        for key, item in value.items():
            line = value.line_of(key)
            if key.startswith(_LOOP):
                for made in self._rounds_of(key, item, line):
                    for each in made:
                        self._add(result, each, made[each], made.line_of(each))
            else:
                self._add(result, key, self._value(item), line)
        return result

    def _add(self, result: Object, key: str, item: Value, line: int) -> None:
        if key in result:
            what = f"a loop makes {key} a second time, beside line {result.line_of(key)}"
            self._document.wrong(line, what, "have ${IDENTIFIER} in the key that it repeats")
        result.put(key, item, line)

    def _rounds_of(self, key: str, loop: Value, line: int) -> Iterator[Object]:
        match loop:
            case [str() as identifier, collection, Object() as body]:
                if identifier in self._parameters:
                    what = f"{identifier} is a parameter, too"
                    self._document.wrong(line, what, "call what the loop repeats otherwise")
            case _:
                instead = "write [IDENTIFIER, [VALUE, …], {KEY: …}]"
                self._document.wrong(line, f"{key} is no loop", instead)
        for value in self._collection(key, collection, line):
            self._rounds += 1
            if self._rounds > _MOST_ROUNDS:
                what = f"the loops make more than {_MOST_ROUNDS} parts"
                self._document.wrong(line, what, "write shorter collections")
            yield self._object(_round(body, identifier, value))

    def _collection(self, key: str, collection: Value, line: int) -> list[str]:
        values = self._intrinsics.resolve(collection)
        listed = values if isinstance(values, Array) else [values]
        unknown = next((each for each in listed if isinstance(each, StandIn)), None)
        if unknown is not None:
            why = self._intrinsics.references.why(unknown)
            sentence = f"what it loops over can't be known here: {why}"
            name = self._full(key)
            self.left_out.append(SkippedResource(name, self._document.path, line, sentence))
            return []
        if not isinstance(values, Array) or not all(isinstance(each, str) for each in values):
            self._document.wrong(line, f"{key} loops over no list of texts", "write [VALUE, …]")
        return [str(each) for each in values]


def _loops(value: Value) -> Iterator[int]:
    if isinstance(value, Array):
        for item in value:
            yield from _loops(item)
    elif isinstance(value, Object):
        for key, item in value.items():
            if key.startswith(_LOOP):
                yield value.line_of(key)
            yield from _loops(item)


def _round(body: Object, identifier: str, value: str) -> Object:
    bare = re.sub(r"[^a-zA-Z0-9]", "", value)

    def text(written: str) -> str:
        return written.replace(f"${{{identifier}}}", value).replace(f"&{{{identifier}}}", bare)

    def replaced(item: Value) -> Value:
        match item:
            case str():
                return text(item)
            case Array():
                items = Array(item.line)
                items.extend(map(replaced, item))
                return items
            case {"Ref": str() as name} if name == identifier:
                return value
            case Object():
                return mapping(item)
            case _:
                return None

    def mapping(item: Object) -> Object:
        result = Object(item.line)
        for key, each in item.items():
            result.put(text(key), replaced(each), item.line_of(key))
        return result

    return mapping(body)
