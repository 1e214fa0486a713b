"""
A Dockerfile's text as instructions.

Source: https://docs.docker.com/reference/dockerfile/#format
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lambda_live.model.template_error import TemplateError

_CONTINUED = re.compile(r"\\[ \t]*$")
_HERE = re.compile(r"<<-?[\"']?([A-Za-z_]\w*)[\"']?")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?([-+])([^}]*))?\})")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One of them; `body` is what follows it as here-documents, `line` counts from 1."""

    file: Path
    line: int
    name: str
    text: str
    body: str = ""

    def wrong(self, what: str, instead: str) -> NoReturn:
        """Say that it can't be followed, and what to write."""
        raise TemplateError(self.file, self.line, what, instead)

    def flags(self) -> dict[str, str]:
        """Return its options, `--from=build` as `from: build`."""
        flags = (word[2:].partition("=") for word in self._words() if word.startswith("--"))
        return {name: value for name, _, value in flags}

    def words(self, variables: Mapping[str, str]) -> list[str]:
        """Return what it is given, without its options, its variables in their place."""
        listed = self.listed()
        words = self._words() if listed is None else listed
        while words and words[0].startswith("--"):
            words = words[1:]
        return [expanded(word, variables) for word in words]

    def listed(self) -> list[str] | None:
        """Return the texts of its exec form, None if it is written for a shell."""
        text = re.sub(r"^(?:--\S+\s+)+", "", self.text)
        try:
            listed = json.loads(text) if text.startswith("[") else None
        except ValueError:
            return None
        return [str(each) for each in listed] if isinstance(listed, list) else None

    def _words(self) -> list[str]:
        try:
            return shlex.split(self.text)
        except ValueError as error:
            self.wrong(f"{self.name} can't be read: {error}", "mend the quotes")


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Put the values of variables into a text; one that is not there is empty."""

    def value(found: re.Match[str]) -> str:
        known = variables.get(found[1] or found[2], "")
        if found[3] == "+":
            return found[4] if known else ""
        return known or found[4] or ""

    return _VARIABLE.sub(value, text)


def instructions_of(file: Path) -> Iterator[Instruction]:
    """Read them. Raises TemplateError."""
    try:
        lines = iter(enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise TemplateError(file, None, why, "name another in Dockerfile") from error
    for number, first in lines:
        if not _is_nothing(first):
            text = _whole(first, lines)
            name, _, rest = text.strip().partition(" ")
            ends = _HERE.findall(rest) if name.upper() in ("ADD", "COPY", "RUN") else []
            body = "\n".join(_until(end, lines) for end in ends)
            yield Instruction(file, number, name.upper(), rest.strip(), body)


def _is_nothing(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _whole(line: str, lines: Iterator[tuple[int, str]]) -> str:
    text = ""
    while _CONTINUED.search(line):
        text += _CONTINUED.sub(" ", line)
        line = next((each for _, each in lines if not _is_nothing(each)), "")
    return (text + line).replace("\t", " ")


def _until(end: str, lines: Iterator[tuple[int, str]]) -> str:
    body: list[str] = []
    for _, line in lines:
        if line.strip() == end:
            break
        body.append(line)
    return "\n".join(body)
