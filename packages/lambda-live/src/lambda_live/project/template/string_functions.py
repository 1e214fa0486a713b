"""CloudFormation's intrinsic functions that make texts and lists of texts."""

import base64
import re
from collections.abc import Callable

from lambda_live.project.template.document import Array, Object, Value
from lambda_live.project.template.references import References, StandIn, as_text

_VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")


class Texts:
    """
    Join, split, select, substitute; what is made from a stand-in is one.

    Every function raises TypeError, ValueError or IndexError for arguments that it can't have.
    """

    def __init__(self, references: References, resolve: Callable[[Value], Value]) -> None:
        self._references = references
        self._resolve = resolve

    def text(self, value: Value) -> str:
        """Resolve a value that has to be a text, and keep whether it is a stand-in."""
        resolved = self._resolve(value)
        return resolved if isinstance(resolved, StandIn) else as_text(resolved)

    def join(self, values: Value) -> Value:
        """Fn::Join."""
        separator, items = array(values)
        texts = [self.text(item) for item in array(self._resolve(items))]
        return _like(texts, as_text(separator).join(texts))

    def split(self, values: Value) -> Value:
        """Fn::Split."""
        separator, text = array(values)
        whole = self.text(text)
        parts = Array(0)
        parts.extend(_like([whole], part) for part in whole.split(as_text(separator)))
        return parts

    def select(self, values: Value) -> Value:
        """Fn::Select; of a list that is partly unknown, any element may be what is asked for."""
        index, items = array(values)
        resolved = self._resolve(items)
        if isinstance(resolved, StandIn):
            return resolved
        found = array(resolved)
        position = int(self.text(index))
        if position >= len(found) and any(isinstance(item, StandIn) for item in found):
            return StandIn("".join(map(as_text, found)))
        return found[position]

    def sub(self, argument: Value) -> Value:
        """Fn::Sub, in both of its forms."""
        text, given = (argument, Object(0)) if isinstance(argument, str) else array(argument)
        known = {name: self.text(value) for name, value in _object(given).items()}
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
            return self._references.attribute(*name.split(".", 1))
        return self.text(self._references.ref(name))

    def base64(self, value: Value) -> Value:
        """Fn::Base64."""
        return base64.b64encode(self.text(value).encode()).decode()


def _like(parts: list[str], whole: str) -> str:
    return StandIn(whole) if any(isinstance(part, StandIn) for part in parts) else whole


def array(value: Value) -> Array:
    """Return the value if it is an array, else raise TypeError."""
    if not isinstance(value, Array):
        raise TypeError
    return value


def _object(value: Value) -> Object:
    if not isinstance(value, Object):
        raise TypeError
    return value
