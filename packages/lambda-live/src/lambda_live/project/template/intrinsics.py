"""CloudFormation's intrinsic functions, as far as a template alone can answer them."""

import json
from collections.abc import Callable, Mapping

from lambda_live.project.template.document import Array, Document, Object, Value
from lambda_live.project.template.references import References, as_text
from lambda_live.project.template.stack_context import Surroundings
from lambda_live.project.template.string_functions import Texts, array

_MACRO = "Fn::Transform"


class Intrinsics:
    """
    Resolves values of one template.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """

    def __init__(self, document: Document, surroundings: Surroundings) -> None:
        self._document = document
        self._surroundings = surroundings
        self.references = References(document, surroundings, self.resolve)
        self._texts = Texts(self.references, self.resolve)
        self._functions: Mapping[str, Callable[[Value], Value]] = {
            "Ref": lambda name: self.references.ref(as_text(name)),
            "Condition": lambda name: _boolean(self.condition(as_text(name))),
            "Fn::And": lambda values: _boolean(all(map(self._holds, array(values)))),
            "Fn::Base64": self._texts.base64,
            "Fn::Equals": self._equals,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::GetAZs": self._availability_zones,
            "Fn::If": self._if,
            "Fn::ImportValue": self._import_value,
            "Fn::Join": self._texts.join,
            "Fn::Length": lambda values: str(len(array(self.resolve(values)))),
            "Fn::Not": lambda values: _boolean(not self._holds(array(values)[0])),
            "Fn::Or": lambda values: _boolean(any(map(self._holds, array(values)))),
            "Fn::Select": self._texts.select,
            "Fn::Split": self._texts.split,
            "Fn::Sub": self._texts.sub,
            _MACRO: lambda macro: self.resolve(self._included(macro)),
            "Fn::ToJsonString": lambda value: json.dumps(self.resolve(value)),
        }

    def resolve(self, value: Value) -> Value:
        """
        Return the value without intrinsic functions; None is no value, and is left out.

        Raises:
            TemplateError: A function's arguments are not what it takes.
        """
        if isinstance(value, Array):
            items = Array(value.line)
            resolved = (self.resolve(item) for item in value)
            items.extend(item for item in resolved if item is not None)
            return items
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
        if not isinstance(value, Object) or not is_intrinsic(value):
            return value
        return self._included(value[_MACRO]) if _MACRO in value else self.resolve(value)

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
        left, right = (self.resolve(value) for value in array(values))
        return _boolean(left == right)

    def _if(self, values: Value) -> Value:
        name, then, otherwise = array(values)
        return self.resolve(then if self.condition(as_text(name)) else otherwise)

    def _get_att(self, name: Value) -> Value:
        parts = name.split(".", 1) if isinstance(name, str) else map(self._texts.text, array(name))
        logical_id, *attribute = parts
        return self.references.attribute(logical_id, ".".join(attribute))

    def _find_in_map(self, values: Value) -> Value:
        name, first, second, *options = array(values)
        keys = [self._texts.text(key) for key in (name, first, second)]
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
        text = self._texts.text(name)
        if (exported := self._surroundings.exports(text)) is not None:
            return exported
        return self.references.stand_in(text, f"{text} is imported from another stack")

    def _included(self, macro: Value) -> Value:
        """
        Return what AWS::Include has of a file beside the template.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-include.html
        """
        match macro:
            case {"Name": "AWS::Include", "Parameters": {"Location": location}}:
                name = self._texts.text(location)
                if (included := self._surroundings.included(name)) is not None:
                    return included
                return self.references.told(name, f"AWS::Include finds no {name} here")
            case _:
                return self.references.told(_MACRO, f"{_MACRO} is not followed")

    def _availability_zones(self, region: Value) -> Value:
        zones = Array(0)
        name = self._texts.text(region) or as_text(self.references.ref("AWS::Region"))
        zones.extend(f"{name}{letter}" for letter in "abc")
        return zones


def is_intrinsic(value: Object) -> bool:
    """Whether the object is a call of an intrinsic function."""
    if len(value) != 1:
        return False
    ((name, argument),) = value.items()
    named = name == "Ref" or (name == "Condition" and isinstance(argument, str))
    return named or name.startswith("Fn::")


def _boolean(value: bool) -> str:  # noqa: FBT001  # it writes the value that it takes
    return "true" if value else "false"
