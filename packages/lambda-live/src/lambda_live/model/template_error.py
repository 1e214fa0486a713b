"""Errors in the user's files."""

from pathlib import Path
from typing import override


class TemplateError(Exception):
    """An error in a file, with a hint how to fix it. `line` counts from 1."""

    def __init__(self, path: Path, line: int | None, problem: str, hint: str) -> None:
        super().__init__(path, line, problem, hint)
        self.path = path
        self.line = line
        self.problem = problem
        self.hint = hint
        self.files_read: tuple[Path, ...] = ()
        """The files that were read up to the error, including this one."""

    @override
    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: {self.problem}; {self.hint}"


class UnsupportedFunctionError(Exception):
    """One function cannot run locally, though the template is valid. The others still can."""


def read_text(file: Path, hint: str) -> str:
    """Return the text of a file. Raises TemplateError with the hint if it is unreadable."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TemplateError(file, None, "the file is not UTF-8", "save it as UTF-8") from error
    except OSError as error:
        raise TemplateError(file, None, error.strerror or "unreadable", hint) from error
