"""Errors in the user's files."""

import contextlib
from pathlib import Path
from typing import override

from lambda_live.model.text_files import EncodingError, read_file


class TemplateError(Exception):
    """An error in a file, with a hint how to fix it. `line` counts from 1."""

    def __init__(self, path: Path, line: int | None, problem: str, hint: str) -> None:
        super().__init__(path, line, problem, hint)
        self.path = file_of(line, path)
        self.line = line
        self.problem = problem
        self.hint = hint
        self.files: tuple[Path, ...] = ()
        """The files that were read up to the error, including this one."""

    @override
    def __str__(self) -> str:
        return f"{place_of(self.path, self.line)}: {self.problem}; {self.hint}"


class Line(int):
    """The number of a line in a file that a template includes."""

    file: Path | None = None


def file_of(line: int | None, template: Path) -> Path:
    """Return the file of a line that was read for a template."""
    return (line.file if isinstance(line, Line) else None) or template


def place_of(path: Path, line: int | None) -> str:
    """Return `PATH:LINE` as messages show it, or the path if the line is unknown."""
    path = file_of(line, path)
    return f"{short_path(path)}:{line}" if line else short_path(path)


def short_path(path: Path) -> str:
    """Return a path as messages show it: relative if it is inside the working directory."""
    with contextlib.suppress(OSError, ValueError):  # it is outside, or the directory is deleted
        if (relative := path.relative_to(Path.cwd())).parts:
            return str(relative)
    return str(path)


class UnsupportedFunctionError(Exception):
    """One function cannot run locally, though the template is valid. The others still can."""


def read_text(file: Path, hint: str) -> str:
    """Return the text of a file or named pipe. Raises TemplateError with the hint."""
    try:
        return read_file(file)
    except EncodingError as error:
        raise TemplateError(
            file, error.line, "the line is not UTF-8", "save the file as UTF-8"
        ) from error
    except OSError as error:
        if isinstance(error, TimeoutError):
            hint = "start the program, or replace the pipe by a file"
        elif file.is_symlink():
            hint = "fix or remove the link"
        raise TemplateError(file, None, error.strerror or "unreadable", hint) from error
