"""Values of a template: those without a value, their texts, and what they refer to."""

import json
import re

from lambda_live.project.document import Array, Object, Value

_SUB_VARIABLE = re.compile(r"\$\{([^!}.]+)")


class Unresolved(str):
    """Placeholder text for a value that is known only after deployment."""

    __slots__ = ()


def is_custom(kind: str) -> bool:
    """Whether a type is that of a custom resource, which a function creates."""
    return kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"


def as_text(value: Value) -> str:
    """Return a value as the text that CloudFormation would use; it stays `Unresolved`."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, Array):
        return ",".join(map(as_text, value))
    return json.dumps(value)


def referenced_id(value: Value) -> str | None:
    """Return the logical ID that a value refers to by `Ref`, `GetAtt`, `Sub` or text."""
    match value:
        case str():
            return value.removeprefix("${").partition("}")[0].partition(".")[0]
        case {"Ref": str() as name} | {"Fn::GetAtt": [str() as name, *_]}:
            return name
        case {"Fn::Sub": str() as text}:
            names = (name for name in _SUB_VARIABLE.findall(text) if not name.startswith("AWS::"))
            return next(names, referenced_id(text))
        case {"Fn::GetAtt": str() as text}:
            return referenced_id(text)
        case {"Fn::Join": [_, Array() as items]}:
            return next((referenced_id(item) for item in items if isinstance(item, Object)), None)
        case _:
            return None
