"""
Parse a Dockerfile into instructions.

Source: https://docs.docker.com/reference/dockerfile/#format
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from lambda_live.model import strict_json
from lambda_live.model.template_error import TemplateError, read_text

_CONTINUED = re.compile(r"\\[ \t]*$")
_HERE_DOCUMENT = re.compile(r"<<-?[\"']?([A-Za-z_]\w*)[\"']?")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?([-+])([^}]*))?\})")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `body` has its here-documents, `line` counts from 1."""

    file: Path
    line: int
    name: str
    text: str
    body: str = ""

    def fail(self, problem: str, hint: str) -> NoReturn:
        """Raise a TemplateError for this instruction."""
        raise TemplateError(self.file, self.line, problem, hint)

    def flags(self) -> dict[str, str]:
        """Return the options: `--from=build` as `from: build`."""
        flags = (word[2:].partition("=") for word in self._words() if word.startswith("--"))
        return {name: value for name, _, value in flags}

    def words(self, variables: Mapping[str, str]) -> list[str]:
        """Return the arguments without options, with variables replaced."""
        exec_form = self.exec_form()
        words = self._words() if exec_form is None else exec_form
        while words and words[0].startswith("--"):
            words = words[1:]
        return [expand_variables(word, variables) for word in words]

    def without_flags(self) -> str:
        """Return the text after the options."""
        return re.sub(r"^(?:--\S+\s+)+", "", self.text)

    def exec_form(self) -> list[str] | None:
        """Return the words of the exec form (a JSON list), or None for the shell form."""
        text = self.without_flags()
        try:
            words = strict_json.loads(text) if text.startswith("[") else None
        except ValueError:
            return None
        return [str(each) for each in words] if isinstance(words, list) else None

    def _words(self) -> list[str]:
        try:
            return shlex.split(self.text)
        except ValueError as error:
            self.fail(f"invalid {self.name}: {error}", "fix the quotes")


def expand_variables(text: str, variables: Mapping[str, str]) -> str:
    """Replace the variables in a text; an unset variable is empty."""

    def replace(match: re.Match[str]) -> str:
        value = variables.get(match[1] or match[2], "")
        if match[3] == "+":
            return match[4] if value else ""
        return value or match[4] or ""

    return _VARIABLE.sub(replace, text)


def read_instructions(file: Path) -> Iterator[Instruction]:
    """Yield the instructions of a Dockerfile. Raises TemplateError."""
    text = read_text(file, "name another file in Dockerfile")
    lines = iter(enumerate(text.splitlines(), 1))
    for number, first in lines:
        if not _is_blank(first):
            text = _join_continued(first, lines)
            name, _, rest = text.strip().partition(" ")
            markers = _HERE_DOCUMENT.findall(rest) if name.upper() in ("ADD", "COPY", "RUN") else []
            body = "\n".join(_here_document(marker, lines) for marker in markers)
            yield Instruction(file, number, name.upper(), rest.strip(), body)


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _join_continued(line: str, lines: Iterator[tuple[int, str]]) -> str:
    text = ""
    while _CONTINUED.search(line):
        text += _CONTINUED.sub(" ", line)
        line = next((each for _, each in lines if not _is_blank(each)), "")
    return (text + line).replace("\t", " ")


def _here_document(marker: str, lines: Iterator[tuple[int, str]]) -> str:
    body: list[str] = []
    for _, line in lines:
        if line.strip() == marker:
            break
        body.append(line)
    return "\n".join(body)
