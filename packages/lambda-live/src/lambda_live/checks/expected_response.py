"""
HTTP responses, as files in `events/expected/` have them, beside those that were answered.

`scripts/checks/http.jq` decides the same for `scripts/check`, which runs without Python.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from lambda_live.checks.http_file import HttpResponse
from lambda_live.checks.placeholders import body_matches, fill_body, matches, text_matches
from lambda_live.model.strict_json import loads

_STATUS = re.compile(r"(?:HTTP/\S+ )?(\d{3})\b", re.ASCII)


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A response; of what is expected, the headers are those that count."""

    status: int | str
    headers: Sequence[tuple[str, str]]
    body: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what a file says; a status that is none stays as it is written."""
        head, _, body = text.replace("\r\n", "\n").partition("\n\n")
        first, *lines = [line for line in head.split("\n") if line] or [""]
        status = _STATUS.match(first)
        pairs = (line.partition(":") for line in lines)
        headers = [(name, value.strip()) for name, colon, value in pairs if name and colon]
        return cls(int(status[1]) if status else first, headers, body.strip("\n"))

    @classmethod
    def from_response(cls, answer: HttpResponse, expected: Self) -> Self:
        """Return of an answer what is expected of one."""
        found = [(name, answer.header(name.lower())) for name, _ in expected.headers]
        headers = [(name, value) for name, value in found if value is not None]
        return cls(answer.status, headers, answer.body.decode("utf-8", "replace").rstrip("\n"))

    def matches(self, expected: Self) -> bool:
        """Whether it is as expected, up to the marks."""
        return (
            matches(expected.status, self.status)
            and [name for name, _ in self.headers] == [name for name, _ in expected.headers]
            and all(
                text_matches(want, got)
                for (_, want), (_, got) in zip(expected.headers, self.headers, strict=True)
            )
            and body_matches(expected.body, self.body, text_matches)
        )

    def fill_placeholders(self, answered: Self) -> Self:
        """Return it with what was answered in place of the marks that stand for it."""
        got = dict(answered.headers)
        headers = [
            (name, got[name] if name in got and text_matches(want, got[name]) else want)
            for name, want in self.headers
        ]
        status = answered.status if matches(self.status, answered.status) else self.status
        body = answered.body if text_matches(self.body, answered.body) else self.body
        return type(self)(status, headers, fill_body(body, answered.body))

    def __str__(self) -> str:
        """As a person reads it: a body that is JSON is indented."""
        lines = [f"HTTP {self.status}", *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join([*lines, "", _readable(self.body)]).rstrip("\n")


def _readable(body: str) -> str:
    try:
        value: Any = loads(body)
    except ValueError:
        return body
    return json.dumps(value, indent=2, ensure_ascii=False)
