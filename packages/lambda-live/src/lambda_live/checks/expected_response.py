"""Expected HTTP responses, as files in `events/expected/` contain them, and their comparison."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from lambda_live.checks.comparison import (
    MISSING,
    Difference,
    differences,
    fill_body,
    json_structure,
    keep_placeholders,
    matches,
    path_text,
    text_matches,
)
from lambda_live.checks.http_file import HttpResponse
from lambda_live.model.strict_json import loads

_STATUS = re.compile(r"(?:HTTP/\S+ )?(\d{3})\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A response. Of an expected one, only the headers that it has are compared."""

    status: int | str
    headers: Sequence[tuple[str, str]]
    body: str
    status_line: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the response of a file. A status that is not a number stays a text."""
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        first, *lines = [line for line in head.split("\n") if line] or [""]
        status = _STATUS.match(first)
        pairs = (line.partition(":") for line in lines)
        headers = [(name, value.strip()) for name, colon, value in pairs if name and colon]
        return cls(int(status[1]) if status else first, headers, body.strip("\n"), first)

    @classmethod
    def from_response(cls, response: HttpResponse, expected: Self) -> Self:
        """Return a response without the headers that are not expected."""
        found = [(name, response.header(name.lower())) for name, _ in expected.headers]
        headers = [(name, value) for name, value in found if value is not None]
        return cls(response.status, headers, response.text.rstrip("\n"))

    def differences(self, response: HttpResponse) -> Iterator[Difference]:
        """Yield each place where a response differs from this expected one."""
        yield from differences(self.status, response.status, ("status",))
        for name, value in self.headers:
            path = path_text(("headers", name.lower()))
            actual = response.header(name.lower())
            if actual is None:
                yield Difference(path, value, MISSING)
            elif not text_matches(value, actual):
                yield Difference(path, value, actual)
        body = response.text.rstrip("\n")
        want, got = json_structure(self.body), json_structure(body)
        if want is not None and got is not None:
            yield from differences(want, got, ("body",))
        elif not text_matches(self.body, body):
            yield Difference("body", self.body, body)

    def matches(self, response: HttpResponse) -> bool:
        """Whether a response is this expected one."""
        return next(self.differences(response), None) is None

    def fill_placeholders(self, actual: Self) -> Self:
        """Return it with actual values in place of the placeholders that match."""
        got = dict(actual.headers)
        headers = [
            (name, got[name] if name in got and text_matches(want, got[name]) else want)
            for name, want in self.headers
        ]
        status = actual.status if matches(self.status, actual.status) else self.status
        body = actual.body if text_matches(self.body, actual.body) else self.body
        return type(self)(status, headers, fill_body(body, actual.body))

    def accept(self, response: HttpResponse) -> str:
        """Return the text of a file that expects a response; placeholders that match stay."""
        is_same = self.status == response.status
        first = self.status_line if is_same else f"HTTP/1.1 {response.status}"
        found = [(name, want, response.header(name.lower())) for name, want in self.headers]
        headers = [
            f"{name}: {want if text_matches(want, value) else value}"
            for name, want, value in found
            if value is not None
        ]
        body = self._accepted_body(response.text.rstrip("\n"))
        return "\n".join([first, *headers]) + (f"\n\n{body}" if body else "") + "\n"

    def _accepted_body(self, body: str) -> str:
        want, got = json_structure(self.body), json_structure(body)
        if not body:
            return ""
        if got is None:
            return self.body if text_matches(self.body, body) else body
        if want is None:
            return _indented(got)
        return self.body if matches(want, got) else _indented(keep_placeholders(want, got))

    def __str__(self) -> str:
        """Return it as a person reads it, with a JSON body indented."""
        lines = [f"HTTP {self.status}", *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join([*lines, "", _readable(self.body)]).rstrip("\n")


FIRST_EXPECTED = HttpMessage("", [("content-type", "")], "")
"""Stands for the expected response where none exists yet: only Content-Type is recorded."""


def _readable(body: str) -> str:
    try:
        return _indented(loads(body))
    except ValueError:
        return body


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
