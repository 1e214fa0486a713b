"""CloudFormation's intrinsic functions, as far as a template alone can answer them."""

import base64
import json
import re
from collections.abc import Callable, Mapping

from lambda_local.template.document import Array, Document, Object, Value
from lambda_local.template.references import References, StandIn, as_text

_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


class Intrinsics:
    """
    Resolves values of one template.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """

    def __init__(self, document: Document, overrides: Mapping[str, str], region: str) -> None:
        self._document = document
        self.references = References(document, overrides, region, self.resolve)
        self._functions: Mapping[str, Callable[[Value], Value]] = {
            "Ref": lambda name: self.references.ref(as_text(name)),
            "Condition": lambda name: _boolean(self.condition(as_text(name))),
            "Fn::And": lambda values: _boolean(all(map(self._holds, _array(values)))),
            "Fn::Base64": _with_text(lambda text: base64.b64encode(text.encode()).decode(), self),
            "Fn::Equals": self._equals,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::GetAZs": self._availability_zones,
            "Fn::If": self._if,
            "Fn::ImportValue": self._import_value,
            "Fn::Join": self._join,
            "Fn::Length": lambda values: str(len(_array(self.resolve(values)))),
            "Fn::Not": lambda values: _boolean(not self._holds(_array(values)[0])),
            "Fn::Or": lambda values: _boolean(any(map(self._holds, _array(values)))),
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
            "Fn::ToJsonString": lambda value: json.dumps(self.resolve(value)),
        }

    def resolve(self, value: Value) -> Value:
        """
        Return the value without intrinsic functions; None is no value, and is left out.

        Raises:
            TemplateError: A function's arguments are not what it takes.
        """
        if isinstance(value, Array):
            array = Array(value.line)
            resolved = (self.resolve(item) for item in value)
            array.extend(item for item in resolved if item is not None)
            return array
        if not isinstance(value, Object):
            return value
        if is_intrinsic(value):
            return self._call(value)
        result = Object(value.line)
        for key, item in value.items():
            if (resolved_item := self.resolve(item)) is not None:
                result.put(key, resolved_item, value.line_of(key))
        return result

    def head(self, value: Value) -> Value:
        """Resolve a value that is itself an intrinsic function, but not what is in it."""
        return self.resolve(value) if isinstance(value, Object) and is_intrinsic(value) else value

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""
        conditions = self._document.section("Conditions")
        if name not in conditions:
            self._document.wrong(
                conditions.line, f"there is no condition {name}", "add it to Conditions"
            )
        return self._holds(conditions[name])

    def _call(self, call: Object) -> Value:
        ((name, argument),) = call.items()
        function = self._functions.get(name)
        if function is None:
            return self.references.stand_in(name, f"{name} is not followed (line {call.line})")
        try:
            return function(argument)
        except (ValueError, TypeError, IndexError, KeyError, AttributeError):
            takes = "write what CloudFormation's reference says that it takes"
            self._document.wrong(call.line, f"{name} has arguments that it can't have", takes)
        except RecursionError:
            self._document.wrong(call.line, f"{name} needs itself", "break the circle")

    def _holds(self, condition: Value) -> bool:
        return self.resolve(condition) == "true"

    def _equals(self, values: Value) -> Value:
        left, right = (self.resolve(value) for value in _array(values))
        return _boolean(left == right)

    def _if(self, values: Value) -> Value:
        name, then, otherwise = _array(values)
        return self.resolve(then if self.condition(as_text(name)) else otherwise)

    def _get_att(self, name: Value) -> Value:
        parts = name.split(".", 1) if isinstance(name, str) else map(self._text, _array(name))
        logical_id, *attribute = parts
        return self.references.attribute(logical_id, ".".join(attribute))

    def _find_in_map(self, values: Value) -> Value:
        name, first, second, *options = _array(values)
        keys = [self._text(key) for key in (name, first, second)]
        found: Value = self._document.section("Mappings")
        for key in keys:
            found = found.get(key) if isinstance(found, Object) else None
        if found is not None:
            return found
        if options and isinstance(options[0], Object) and "DefaultValue" in options[0]:
            return self.resolve(options[0]["DefaultValue"])
        where = ".".join(keys)
        return self.references.stand_in(where, f"Mappings has no {where}")

    def _import_value(self, name: Value) -> Value:
        text = self._text(name)
        return self.references.stand_in(text, f"{text} is imported from another stack")

    def _availability_zones(self, region: Value) -> Value:
        zones = Array(0)
        name = self._text(region) or as_text(self.references.ref("AWS::Region"))
        zones.extend(f"{name}{letter}" for letter in "abc")
        return zones

    def _join(self, values: Value) -> Value:
        separator, items = _array(values)
        texts = [self._text(item) for item in _array(self.resolve(items))]
        return _like(texts, as_text(separator).join(texts))

    def _split(self, values: Value) -> Value:
        separator, text = _array(values)
        whole = self._text(text)
        parts = Array(0)
        parts.extend(_like([whole], part) for part in whole.split(as_text(separator)))
        return parts

    def _select(self, values: Value) -> Value:
        index, items = _array(values)
        resolved = self.resolve(items)
        if isinstance(resolved, StandIn):
            return resolved
        array = _array(resolved)
        position = int(self._text(index))
        if position >= len(array) and any(isinstance(item, StandIn) for item in array):
            return StandIn("".join(map(as_text, array)))
        return array[position]

    def _sub(self, argument: Value) -> Value:
        text, given = (argument, Object(0)) if isinstance(argument, str) else _array(argument)
        known = {name: self._text(value) for name, value in _object(given).items()}
        used: list[str] = []

        def replace(variable: re.Match[str]) -> str:
            literal, name = variable[1], variable[2].strip()
            if literal:
                return f"${{{name}}}"
            used.append(known[name] if name in known else self._variable(name))
            return used[-1]

        whole = _VARIABLE.sub(replace, as_text(text))
        return _like(used, whole)

    def _variable(self, name: str) -> str:
        if "." in name:
            return self.references.attribute(*name.split(".", 1))
        return self._text(self.references.ref(name))

    def _text(self, value: Value) -> str:
        resolved = self.resolve(value)
        return resolved if isinstance(resolved, StandIn) else as_text(resolved)


def is_intrinsic(value: Object) -> bool:
    """Whether the object is a call of an intrinsic function."""
    if len(value) != 1:
        return False
    ((name, argument),) = value.items()
    named = name == "Ref" or (name == "Condition" and isinstance(argument, str))
    return named or name.startswith("Fn::")


def _with_text(function: Callable[[str], str], intrinsics: Intrinsics) -> Callable[[Value], Value]:
    return lambda value: function(as_text(intrinsics.resolve(value)))


def _like(parts: list[str], whole: str) -> str:
    return StandIn(whole) if any(isinstance(part, StandIn) for part in parts) else whole


def _boolean(value: bool) -> str:  # noqa: FBT001  # it writes the value that it takes
    return "true" if value else "false"


def _array(value: Value) -> Array:
    if not isinstance(value, Array):
        raise TypeError
    return value


def _object(value: Value) -> Object:
    if not isinstance(value, Object):
        raise TypeError
    return value
