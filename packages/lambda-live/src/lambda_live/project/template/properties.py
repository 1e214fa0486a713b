"""One resource's properties, resolved and checked as they are read."""

import re
from collections.abc import Iterator
from typing import NoReturn

from lambda_live.model.template_error import UnsupportedFunctionError
from lambda_live.project.template.document import Array, Document, Object, Value
from lambda_live.project.template.intrinsics import Intrinsics
from lambda_live.project.template.references import StandIn, as_text

_WHOLE = re.compile(r"-?[0-9]{1,9}")


class Properties:
    """Reads typed values, and says the line of one that is wrong."""

    def __init__(self, raw: Object, document: Document, intrinsics: Intrinsics) -> None:
        self.raw = raw
        self._document = document
        self._intrinsics = intrinsics

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def get(self, key: str) -> Value:
        """Return the value, resolved at its head alone."""
        return self._intrinsics.head(self.raw.get(key))

    def value(self, key: str) -> Value:
        """Return the value, resolved as a whole."""
        return self._intrinsics.resolve(self.raw.get(key))

    def text(self, key: str) -> str | None:
        """Return a scalar as text."""
        value = self.value(key)
        if isinstance(value, Object | Array):
            self.wrong(key, f"{key} is no text", f"write {key}: TEXT")
        return value

    def known(self, key: str) -> str | None:
        """
        Return a text without which there is nothing to run.

        Raises:
            UnsupportedFunctionError: Only a deployment knows it.
        """
        value = self.text(key)
        if isinstance(value, StandIn):
            message = f"its {key} can't be known here: {self._intrinsics.references.why(value)}"
            raise UnsupportedFunctionError(message)
        return value

    def choice(self, key: str, default: str, *others: str) -> str:
        """Return one of the texts."""
        value = self.text(key)
        if value is None or isinstance(value, StandIn):
            return default
        if value not in (default, *others):
            allowed = " or ".join((default, *others))
            self.wrong(key, f"{key} is {value!r}", f"write {allowed}")
        return value

    def pattern(self, key: str) -> str | None:
        """Return a regular expression."""
        value = self.text(key)
        try:
            re.compile(value or "")
        except re.error as error:
            what = f"{key} {value!r} is no regular expression that is understood here: {error}"
            self.wrong(key, what, "mend it, or leave it out")
        return value

    def optional_choice(self, key: str, *values: str) -> str | None:
        """Return one of the texts, or None if there is none or only a deployment knows it."""
        given = self.text(key)
        return None if given is None or isinstance(given, StandIn) else self.choice(key, *values)

    def number(self, key: str, least: int, most: int, unit: str) -> int | None:
        """Return a whole number, or None if there is none or only a deployment knows it."""
        value = self.text(key)
        if value is None or isinstance(value, StandIn):
            return None
        if not _WHOLE.fullmatch(value) or not least <= int(value) <= most:
            what = f"write a whole number of {unit}, from {least} to {most}"
            self.wrong(key, f"{key} is {value!r}", what)
        return int(value)

    def flag(self, key: str) -> bool:
        """Return whether it is there and true."""
        return (self.text(key) or "").lower() == "true"

    def section(self, key: str) -> "Properties":
        """Return what is nested there; empty if there is nothing."""
        value = self.get(key)
        if value is None or isinstance(value, StandIn):
            value = Object(self.raw.line_of(key))
        if not isinstance(value, Object):
            self.wrong(key, f"{key} is no mapping", "write NAME: VALUE below it")
        return Properties(value, self._document, self._intrinsics)

    def included(self, value: Object) -> "Properties":
        """Return what a file has that is a part of the template."""
        return Properties(value, self._document, self._intrinsics)

    def sections(self) -> Iterator[tuple[str, "Properties"]]:
        """Return each name and what is nested there."""
        for key in self.raw:
            yield key, self.section(key)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; one text is a list of one."""
        value = self.value(key)
        if isinstance(value, Object):
            self.wrong(key, f"{key} is no list", f"write {key}: [TEXT, …]")
        items = value if isinstance(value, Array) else [value]
        return tuple(as_text(item) for item in items if item is not None)

    def items(self, key: str) -> Iterator["Properties"]:
        """Return the mappings of a list."""
        listed = self.get(key)
        for item in listed if isinstance(listed, Array) else ():
            if isinstance(value := self._intrinsics.head(item), Object):
                yield Properties(value, self._document, self._intrinsics)

    def variables(self, key: str) -> dict[str, str]:
        """Return names and texts, as the environment has them."""
        section = self.section(key)
        variables = {name: section.text(name) for name in section.raw}
        return {name: text for name, text in variables.items() if text is not None}

    def line(self, key: str) -> int:
        """Where the key is."""
        return self.raw.line_of(key)

    def wrong(self, key: str, what: str, instead: str) -> NoReturn:
        """Refuse the template for what it says here."""
        self._document.wrong(self.raw.line_of(key), what, instead)
