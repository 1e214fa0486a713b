"""Read the properties of one resource; each value is resolved and checked when it is read."""

import re
from collections.abc import Iterator
from typing import NoReturn

from lambda_live.model.template_error import UnsupportedFunctionError
from lambda_live.project.document import Array, Document, Object, Value
from lambda_live.project.template.intrinsics import Intrinsics
from lambda_live.project.template.references import Unresolved, as_text, referenced_id

_INTEGER = re.compile(r"-?[0-9]{1,9}")


class Properties:
    """Reads typed values. Errors name the line of the value."""

    def __init__(self, raw: Object, document: Document, intrinsics: Intrinsics) -> None:
        self.raw = raw
        self._document = document
        self._intrinsics = intrinsics

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def get(self, key: str) -> Value:
        """Return the value with only its outermost intrinsic function resolved."""
        return self._intrinsics.head(self.raw.get(key))

    def value(self, key: str) -> Value:
        """Return the completely resolved value."""
        with self._intrinsics.references.at_line(self.raw.line_of(key)):
            value = self._intrinsics.resolve(self.raw.get(key))
        return value  # noqa: RET504  # mypy requires a return after the `with`

    def reference(self, key: str) -> str | None:
        """Return the logical ID that the value refers to."""
        return referenced_id(self._intrinsics.without_conditions(self.raw.get(key)))

    def text(self, key: str) -> str | None:
        """Return a scalar as text."""
        value = self.value(key)
        if isinstance(value, Object | Array):
            self.fail(key, f"{key} must be text", f"write {key}: TEXT")
        return value

    def require_known(self, key: str) -> str | None:
        """
        Return a text that the function cannot run without, or None if it is missing.

        Raises:
            UnsupportedFunctionError: The value is only known after deployment.
        """
        value = self.text(key)
        if isinstance(value, Unresolved):
            message = f"its {key} is unknown: {self._intrinsics.references.why(value)}"
            raise UnsupportedFunctionError(message)
        return value

    def choice(self, key: str, default: str, *others: str) -> str:
        """Return one of the allowed texts."""
        value = self.text(key)
        if value is None or isinstance(value, Unresolved):
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
        value = self.text(key)
        return None if value is None or isinstance(value, Unresolved) else self.choice(key, *values)

    def number(self, key: str, minimum: int, maximum: int, unit: str) -> int | None:
        """Return an integer, or None if the value is missing or unresolved."""
        value = self.text(key)
        if value is None or isinstance(value, Unresolved):
            return None
        if not _INTEGER.fullmatch(value) or not minimum <= int(value) <= maximum:
            hint = f"use a whole number of {unit} from {minimum} to {maximum}"
            self.fail(key, f"invalid {key} {value!r}", hint)
        return int(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean, or the default if the value is missing or unresolved."""
        value = self.text(key)
        if value is None or isinstance(value, Unresolved):
            return default
        if value.lower() not in ("true", "false"):
            self.fail(key, f"invalid {key} {value!r}", "use true or false")
        return value.lower() == "true"

    def section(self, key: str) -> "Properties":
        """Return a nested mapping, empty if it is missing."""
        value = self.get(key)
        if value is None or isinstance(value, Unresolved):
            value = Object(self.raw.line_of(key))
        if not isinstance(value, Object):
            self.fail(key, f"{key} must be a mapping", "write NAME: VALUE below it")
        return Properties(value, self._document, self._intrinsics)

    def included(self, value: Object) -> "Properties":
        """Return the properties of an included file."""
        return Properties(value, self._document, self._intrinsics)

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

    def items(self, key: str) -> Iterator["Properties"]:
        """Yield the mappings of a list."""
        listed = self.get(key)
        if not isinstance(listed, Array | Unresolved | None):
            self.fail(key, f"{key} must be a list", "write - NAME: VALUE below it")
        for item in listed if isinstance(listed, Array) else ():
            value = self._intrinsics.head(item)
            if isinstance(value, Object):
                yield Properties(value, self._document, self._intrinsics)
            elif not isinstance(value, Unresolved | None):
                self.fail(key, f"{key} must contain mappings", "write - NAME: VALUE below it")

    def variables(self, key: str) -> dict[str, str]:
        """Return a mapping of names to texts."""
        section = self.section(key)
        variables = {name: section.text(name) for name in section.raw}
        return {name: text for name, text in variables.items() if text is not None}

    def line(self, key: str) -> int:
        """Return the line of a key."""
        return self.raw.line_of(key)

    def fail(self, key: str, problem: str, hint: str) -> NoReturn:
        """Raise a TemplateError for a key."""
        self._document.fail(self.raw.line_of(key), problem, hint)
