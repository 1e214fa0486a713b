"""Read the properties of one resource; each value is resolved and checked when it is read."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

from lambda_live.model.template_error import UnsupportedFunctionError
from lambda_live.project.document import Array, Object, Value
from lambda_live.project.template.template_notices import muted
from lambda_live.project.template.values import Unresolved, as_text, referenced_id

if TYPE_CHECKING:
    from lambda_live.project.template.stack import Resource, Stack

_INTEGER = re.compile(r"-?[0-9]{1,9}")


class Properties:
    """
    Reads typed values. Errors and notices name the line of the value.

    With `in_openapi`, keys may start with a small letter: the value of `Type` is that of `type`.
    """

    def __init__(self, raw: Object, stack: "Stack", *, in_openapi: bool = False) -> None:
        self.raw = raw
        self.stack = stack
        self._in_openapi = in_openapi

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def _spelled(self, key: str) -> str:
        is_small = self._in_openapi and key not in self.raw
        return key[:1].lower() + key[1:] if is_small else key

    def _raw(self, key: str) -> Value:
        return self.raw.get(self._spelled(key))

    def get(self, key: str) -> Value:
        """Return the value with only its outermost intrinsic function resolved."""
        return self.stack.intrinsics.head(self._raw(key))

    def value(self, key: str) -> Value:
        """Return the completely resolved value."""
        with self.stack.notices.at_line(self.line(key)):
            value = self.stack.intrinsics.resolve(self._raw(key))
        return value  # noqa: RET504  # mypy requires a return after the `with`

    def reference(self, key: str) -> str | None:
        """Return the logical ID that the value refers to."""
        return referenced_id(self.stack.intrinsics.without_conditions(self._raw(key)))

    def resource(self, key: str) -> "Resource":
        """Return the resource that the value refers to; a missing one has an empty type."""
        return self.stack.referenced(self._raw(key))

    def quiet_text(self, key: str) -> str:
        """Return the value as text, without notices about its unresolved parts."""
        return self.stack.intrinsics.quiet_text(self._raw(key))

    def text(self, key: str) -> str | None:
        """Return a scalar as text."""
        value = self.value(key)
        if isinstance(value, Object | Array):
            self.fail(key, f"{key} must be text", f"write {key}: TEXT")
        return value

    def known_text(self, key: str) -> str | None:
        """Return a scalar as text, or None if it is missing or only known after deployment."""
        value = self.text(key)
        return None if isinstance(value, Unresolved) else value

    def require_known(self, key: str) -> str | None:
        """
        Return a text that the function cannot run without, or None if it is missing.

        Raises:
            UnsupportedFunctionError: The value is only known after deployment.
        """
        value = self.text(key)
        if isinstance(value, Unresolved):
            message = f"its {key} is unknown: {self.stack.notices.why(value)}"
            raise UnsupportedFunctionError(message)
        return value

    def choice(self, key: str, default: str, *others: str) -> str:
        """Return one of the allowed texts."""
        value = self.known_text(key)
        if value is None:
            return default
        if value not in (default, *others):
            allowed = " or ".join((default, *others))
            self.fail(key, f"invalid {key} {value!r}", f"use {allowed}")
        return value

    def pattern(self, key: str) -> str | None:
        """Return a regular expression."""
        value = self.text(key)
        try:
            re.compile(value or "")
        except re.error as error:
            problem = f"{key} {value!r} is not a valid regular expression: {error}"
            self.fail(key, problem, "fix or remove it")
        return value

    def optional_choice(self, key: str, *values: str) -> str | None:
        """Return one of the allowed texts, or None if the value is missing or unresolved."""
        return None if self.known_text(key) is None else self.choice(key, *values)

    def number(self, key: str, minimum: int, maximum: int, unit: str) -> int | None:
        """Return an integer, or None if the value is missing or unresolved."""
        value = self.known_text(key)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value) or not minimum <= int(value) <= maximum:
            hint = f"use a whole number of {unit} from {minimum} to {maximum}"
            self.fail(key, f"invalid {key} {value!r}", hint)
        return int(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean, or the default if the value is missing or unresolved."""
        value = self.known_text(key)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            self.fail(key, f"invalid {key} {value!r}", "use true or false")
        return value.lower() == "true"

    def section(self, key: str, *, in_openapi: bool = False) -> "Properties":
        """Return a nested mapping, empty if it is missing."""
        value = self.get(key)
        if value is None or isinstance(value, Unresolved):
            value = Object(self.line(key))
        if not isinstance(value, Object):
            self.fail(key, f"{key} must be a mapping", "write NAME: VALUE below it")
        return Properties(value, self.stack, in_openapi=in_openapi or self._in_openapi)

    def sections(self) -> Iterator[tuple[str, "Properties"]]:
        """Yield each key and its nested mapping."""
        for key in self.raw:
            yield key, self.section(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; a single text is a list of one."""
        value = self.value(key)
        items = value if isinstance(value, Array) else [value]
        if any(isinstance(item, Object | Array) for item in items):
            self.fail(key, f"{key} must be a list of texts", f"write {key}: [TEXT, …]")
        return tuple(as_text(item) for item in items if item is not None)

    def nested(self, key: str) -> Iterator["Properties"]:
        """Yield the mapping, or those of a list, and nothing for any other value."""
        with muted():  # it is only compared with names
            value = self.get(key)
        for item in value if isinstance(value, Array) else (value,):
            if isinstance(item, Object):
                yield Properties(item, self.stack)

    def items(self, key: str) -> Iterator["Properties"]:
        """Yield the mappings of a list."""
        listed = self.get(key)
        if not isinstance(listed, Array | Unresolved | None):
            self.fail(key, f"{key} must be a list", "write - NAME: VALUE below it")
        for item in listed if isinstance(listed, Array) else ():
            value = self.stack.intrinsics.head(item)
            if isinstance(value, Object):
                yield Properties(value, self.stack)
            elif not isinstance(value, Unresolved | None):
                self.fail(key, f"{key} must contain mappings", "write - NAME: VALUE below it")

    def variables(self, key: str) -> dict[str, str]:
        """Return a mapping of names to texts."""
        section = self.section(key)
        variables = {name: section.text(name) for name in section.raw}
        return {name: text for name, text in variables.items() if text is not None}

    def line(self, key: str) -> int:
        """Return the line of a key."""
        return self.raw.line_of(self._spelled(key))

    def note(self, key: str, notice: str, subject: str | None = None) -> None:
        """Record a notice, `PROBLEM; HINT`, about a key; once for each line, or each subject."""
        self.stack.notices.add(self.line(key), self._as_written(key, notice), subject)

    def fail(self, key: str, problem: str, hint: str) -> NoReturn:
        """Raise a TemplateError for a key."""
        problem, hint = (self._as_written(key, text) for text in (problem, hint))
        self.stack.document.fail(self.line(key), problem, hint)

    def _as_written(self, key: str, message: str) -> str:
        return message.replace(key, self._spelled(key)) if self._in_openapi else message
