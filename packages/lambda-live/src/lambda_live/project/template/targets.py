"""Which resources a value of a template points at."""

import re
from collections.abc import Iterator

from lambda_live.project.template.document import Array, Object, Value

_VARIABLE = re.compile(r"\$\{([^!}.]+)")


def target(value: Value) -> str | None:
    """Return the logical id that a value points at, by `Ref`, `GetAtt`, `Sub` or text."""
    match value:
        case str():
            return value.removeprefix("${").partition("}")[0].partition(".")[0]
        case {"Ref": str() as name} | {"Fn::GetAtt": [str() as name, *_]}:
            return name
        case {"Fn::Sub": str() as text}:
            names = (name for name in _VARIABLE.findall(text) if not name.startswith("AWS::"))
            return next(names, target(text))
        case {"Fn::GetAtt": str() as text}:
            return target(text)
        case {"Fn::Join": [_, Array() as items]}:
            return next((target(item) for item in items if isinstance(item, Object)), None)
        case _:
            return None


def mentions(value: Value, logical_id: str) -> bool:
    """Whether a value has a reference to that resource anywhere in it."""
    match value:
        case {"Ref": str() as name} | {"Fn::GetAtt": [str() as name, *_]}:
            return name == logical_id
        case {"Fn::Sub": str() as text}:
            return f"${{{logical_id}.Arn}}" in text or f"${{{logical_id}}}" in text
        case {"Fn::GetAtt": str() as text}:
            return text.partition(".")[0] == logical_id
        case Array():
            return any(mentions(item, logical_id) for item in value)
        case Object():
            return any(mentions(item, logical_id) for item in value.values())
        case _:
            return False


def names_in(value: Value) -> Iterator[str]:
    """Yield each name that a value refers to, anywhere in it."""
    match value:
        case {"Ref": str() as name} | {"Fn::GetAtt": [str() as name, *_]}:
            yield name
        case {"Fn::Sub": str() as text} | {"Fn::Sub": [str() as text, *_]}:
            yield from _VARIABLE.findall(text)
        case {"Fn::GetAtt": str() as text}:
            yield text.partition(".")[0]
    for item in _items(value):
        yield from names_in(item)


def _items(value: Value) -> Iterator[Value]:
    if isinstance(value, Object):
        yield from value.values()
    elif isinstance(value, Array):
        yield from value
