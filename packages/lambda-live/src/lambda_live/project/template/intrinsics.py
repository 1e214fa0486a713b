"""CloudFormation's intrinsic functions, as far as the template alone determines their values."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NoReturn

from lambda_live.project.document import Array, Document, Object, Value, to_json
from lambda_live.project.template.references import References
from lambda_live.project.template.stack_context import StackContext
from lambda_live.project.template.template_notices import muted
from lambda_live.project.template.values import Unresolved, as_text

_IF = "Fn::If"
_MACRO = "Fn::Transform"
_DYNAMIC_REFERENCE = re.compile(r"\{\{(resolve:[^{}]+)\}\}")
_SUB_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


class Intrinsics:
    """
    Resolves the values of one template.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
    """

    def __init__(self, document: Document, context: StackContext) -> None:
        self._document = document
        self._context = context
        self.references = References(document, context, self.resolve)
        self.notices = self.references.notices
        self._functions: Mapping[str, Callable[[Value], Value]] = {
            "Ref": lambda name: self.references.ref(as_text(name)),
            "Condition": lambda name: _boolean(self.condition(as_text(name))),
            "Fn::And": lambda values: _boolean(all(map(self._is_true, _array(values)))),
            "Fn::Base64": self._base64,
            "Fn::Equals": self._equals,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::GetAZs": self._availability_zones,
            _IF: self._if,
            "Fn::ImportValue": self._import_value,
            "Fn::Join": self._join,
            "Fn::Length": self._length,
            "Fn::Not": lambda values: _boolean(not self._is_true(_array(values)[0])),
            "Fn::Or": lambda values: _boolean(any(map(self._is_true, _array(values)))),
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
            _MACRO: lambda macro: self.resolve(self._include(macro)),
            "Fn::ToJsonString": self._to_json_string,
        }

    def resolve(self, value: Value) -> Value:
        """
        Return the value without intrinsic functions, or None for `AWS::NoValue`.

        Raises:
            TemplateError: A function has invalid arguments.
        """
        if isinstance(value, Array):
            resolved = map(self.resolve, value)
            return Array(value.line, (item for item in resolved if item is not None))
        if isinstance(value, str):
            return self._dynamic(value)
        if not isinstance(value, Object):
            return value
        if is_intrinsic(value):
            return self._call(value)
        result = Object(value.line)
        for key, item in value.items():
            if (resolved_item := self.resolve(item)) is not None:
                result.put(key, resolved_item, value.line_of(key))
        return result

    def quiet_text(self, value: Value) -> str:
        """Return the value as text, without notices about its unresolved parts."""
        with muted():
            return as_text(self.resolve(value))

    def head(self, value: Value) -> Value:
        """Resolve a value that is itself an intrinsic function, but not the values inside it."""
        value = self._chosen(value)
        if not isinstance(value, Object) or not is_intrinsic(value):
            return value
        if _MACRO not in value:
            return self.resolve(value)
        with self.notices.at_line(value.line):
            included = self._include(value[_MACRO])
        return included  # noqa: RET504  # mypy requires a return after the `with`

    def without_conditions(self, value: Value) -> Value:
        """Return the value with each Fn::If replaced by its branch, and references as written."""
        value = self._chosen(value)
        if isinstance(value, Array):
            return Array(value.line, map(self.without_conditions, value))
        if not isinstance(value, Object):
            return value
        result = Object(value.line)
        for key, item in value.items():
            result.put(key, self.without_conditions(item), value.line_of(key))
        return result

    def _chosen(self, value: Value) -> Value:
        """Return the branch that applies if the value is an Fn::If, else the value."""
        while isinstance(value, Object) and len(value) == 1 and _IF in value:
            match value[_IF]:
                case [str() as name, then, otherwise]:
                    value = then if self.condition(name, value.line) else otherwise
                case _:
                    self._fail_arguments(value, _IF)
        return value

    def condition(self, name: str, line: int | None = None) -> bool:
        """Whether a condition of the template, which is used on this line, is true."""
        conditions = self._document.section("Conditions")
        if name not in conditions:
            line = line or self.notices.line or conditions.line
            self._document.fail(line, f"condition {name} is not defined", "add it to Conditions")
        return self._is_true(conditions[name])

    def _call(self, call: Object) -> Value:
        ((name, argument),) = call.items()
        function = self._functions.get(name) or self._unsupported(name)
        try:
            with self.notices.at_line(call.line):
                result = function(argument)
                result = self._dynamic(result) if isinstance(result, str) else result
        except (ValueError, TypeError, IndexError, KeyError, AttributeError):
            self._fail_arguments(call, name)
        except RecursionError:
            self._document.fail(call.line, f"{name} refers to itself", "remove the cycle")
        return result

    def _dynamic(self, text: str) -> str:
        """
        Return a text with its dynamic references, such as `{{resolve:ssm:NAME}}`, replaced.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
        """
        if "{{resolve:" not in text:
            return text
        used: list[str] = []

        def replace(reference: re.Match[str]) -> str:
            name = reference[1]
            value = self.references.override(name)
            if value is None:
                value = self._context.stored(name)
            if value is None:
                problem = f"{reference[0]} is only known after deployment"
                value = self.references.unresolved(name, problem)
            used.append(value)
            return value

        return _propagate_unresolved(used, _DYNAMIC_REFERENCE.sub(replace, text))

    def _fail_arguments(self, call: Object, name: str) -> NoReturn:
        hint = "see CloudFormation's reference"
        self._document.fail(call.line, f"{name} has invalid arguments", hint)

    def _unsupported(self, name: str) -> Callable[[Value], Value]:
        notice = f"{name} is not supported; write its value instead"
        return lambda _: self.references.placeholder(name, notice)

    def _is_true(self, condition: Value) -> bool:
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
        return self.references.placeholder(where, f"Mappings has no {where}; add it")

    def _import_value(self, name: Value) -> Value:
        text = self._text(name)
        if (override := self.references.override(text)) is not None:
            return override
        if (exported := self._context.exported(text)) is not None:
            return exported
        if (stored := self._context.stored(f"export:{text}")) is not None:
            return stored
        return self.references.unresolved(text, f"{text} is imported from another stack")

    def _include(self, macro: Value) -> Value:
        """
        Return the content of the file that AWS::Include names.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-include.html
        """
        match macro:
            case {"Name": "AWS::Include", "Parameters": {"Location": location}}:
                name = self._text(location)
                if (included := self._context.included(name)) is not None:
                    return included
                notice = f"the AWS::Include file {name} does not exist; name a local file"
                return self.references.placeholder(name, notice)
            case _:
                notice = f"{_MACRO} is not supported; write its result instead"
                return self.references.placeholder(_MACRO, notice)

    def _availability_zones(self, region: Value) -> Value:
        name = self._text(region) or as_text(self.references.ref("AWS::Region"))
        return Array(0, (f"{name}{letter}" for letter in "abc"))

    def _text(self, value: Value) -> str:
        """Resolve a value to text, and keep it `Unresolved` if it is."""
        return as_text(self.resolve(value))

    def _join(self, values: Value) -> Value:
        separator, items = _array(values)
        resolved = self.resolve(items)
        if isinstance(resolved, Unresolved):
            return resolved
        texts = [self._text(item) for item in _array(resolved)]
        return _propagate_unresolved(texts, as_text(separator).join(texts))

    def _length(self, values: Value) -> Value:
        resolved = self.resolve(values)
        return resolved if isinstance(resolved, Unresolved) else str(len(_array(resolved)))

    def _split(self, values: Value) -> Value:
        separator, text = _array(values)
        whole = self._text(text)
        parts = whole.split(as_text(separator))
        return Array(0, (_propagate_unresolved([whole], part) for part in parts))

    def _select(self, values: Value) -> Value:
        """Return an item, unresolved beyond the end of a list with unresolved items."""
        index, items = _array(values)
        resolved = self.resolve(items)
        if isinstance(resolved, Unresolved):
            return resolved
        found = _array(resolved)
        position = int(self._text(index))
        if position < 0:
            raise IndexError
        if position >= len(found) and any(isinstance(item, Unresolved) for item in found):
            return Unresolved("".join(map(as_text, found)))
        return found[position]

    def _sub(self, argument: Value) -> Value:
        text, variables = (argument, Object(0)) if isinstance(argument, str) else _array(argument)
        known = {name: self._text(value) for name, value in _object(variables).items()}
        used: list[str] = []

        def replace(variable: re.Match[str]) -> str:
            literal, name = variable[1], variable[2].strip()
            if literal:
                return f"${{{name}}}"
            used.append(known[name] if name in known else self._variable(name))
            return used[-1]

        whole = _SUB_VARIABLE.sub(replace, as_text(text))
        return _propagate_unresolved(used, whole)

    def _variable(self, name: str) -> str:
        if "." in name:
            return self.references.attribute(*name.split(".", 1))
        return self._text(self.references.ref(name))

    def _to_json_string(self, value: Value) -> Value:
        """
        Return compact JSON with numbers and booleans as written.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-ToJsonString.html
        """
        if not isinstance(value, Object | Array):
            raise TypeError
        resolved = self.resolve(value)
        whole = json.dumps(to_json(resolved), separators=(",", ":"), ensure_ascii=False)
        return _propagate_unresolved(_texts(resolved), whole)

    def _base64(self, value: Value) -> Value:
        return base64.b64encode(self._text(value).encode()).decode()


def _texts(value: Value) -> Iterator[str]:
    """Yield the scalars of a value."""
    if isinstance(value, str):
        yield value
    elif value is not None:
        for item in value.values() if isinstance(value, Object) else value:
            yield from _texts(item)


def _propagate_unresolved(parts: Iterable[str], whole: str) -> str:
    return Unresolved(whole) if any(isinstance(part, Unresolved) for part in parts) else whole


def _array(value: Value) -> Array:
    """Return the value if it is an array, else raise TypeError."""
    if not isinstance(value, Array):
        raise TypeError
    return value


def _object(value: Value) -> Object:
    if not isinstance(value, Object):
        raise TypeError
    return value


def is_intrinsic(value: Object) -> bool:
    """Whether the object is a call of an intrinsic function."""
    if len(value) != 1:
        return False
    ((name, argument),) = value.items()
    is_named = name == "Ref" or (name == "Condition" and isinstance(argument, str))
    return is_named or name.startswith("Fn::")


def _boolean(value: bool) -> str:  # noqa: FBT001  # it converts the value that it takes
    return "true" if value else "false"
