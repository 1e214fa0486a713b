"""What is wrong with a file that a person wrote, and what to write instead."""

from pathlib import Path
from typing import override


class TemplateError(Exception):
    """The caller prints it and exits with 2; `line` counts from 1."""

    def __init__(self, path: Path, line: int | None, problem: str, hint: str) -> None:
        super().__init__(path, line, problem, hint)
        self.path = path
        self.line = line
        self.problem = problem
        self.hint = hint
        self.files_read: tuple[Path, ...] = ()
        """The files that were read before it was met, this one among them."""

    @override
    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: {self.problem}; {self.hint}"


class UnsupportedFunctionError(Exception):
    """This function can't run here, which is no fault of the template; the others can."""


def read_text(file: Path, hint: str) -> str:
    """Return what a person wrote in it. Raises TemplateError, saying what to do `instead`."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TemplateError(file, None, "it is not UTF-8", "save it as UTF-8") from error
    except OSError as error:
        raise TemplateError(file, None, error.strerror or "", hint) from error
