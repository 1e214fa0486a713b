"""Find where in the function's code an error was raised, and the lines around it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_live.model.invocation import Result
from lambda_live.model.strict_json import loads
from lambda_live.model.text_files import text_or_empty

_FRAME = re.compile(r'File "(?P<path>[^"]+)",? [Ll]ine (?P<line>\d+)')
_LOAD_ERROR = re.compile(r"(?P<path>.+?):(?P<line>\d+): ")  # as runtime_process/ reports it
_REQUEST_ID = re.compile(r"RequestId: \S+ (?:Error: )?")
_CONTEXT_LINES = 3
_MAX_FILE_BYTES = 2**20
_MAX_CACHED_FILES = 64


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A line of a file. `lines` are the lines around it, and `first_line` is their first number."""

    path: str
    line: int
    first_line: int = 0
    lines: tuple[str, ...] = ()

    def relative_to(self, root: Path) -> str:
        """Return PATH:LINE, relative to a directory if the file is inside it."""
        path = Path(self.path)
        shown = path.relative_to(root) if path.is_relative_to(root) else path
        return f"{shown}:{self.line}"


def error_message(result: Result) -> str:
    """Return AWS's errorMessage without the request's id, or the error type if there is none."""
    message = str(_error(result).get("errorMessage") or result.error_type or "")
    return _REQUEST_ID.sub("", message, count=1).strip()


def innermost_frame(result: Result, root: Path) -> tuple[str, int] | None:
    """Return path and line of the innermost frame below a folder, or else of the innermost one."""
    frames = list(_frames(result))
    own = [frame for frame in frames if Path(frame[0]).is_relative_to(root)]
    return next(reversed(own or frames), None)


class LocationFinder:
    """
    Finds the source locations of one function's errors.

    It caches the files by code version, so that an error shows the code that raised it, and not
    what was saved since.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[tuple[str, str], tuple[str, ...]] = {}

    def locate_error(self, result: Result) -> SourceLocation | None:
        """Return the innermost frame in the function's own code, or else the innermost frame."""
        frame = innermost_frame(result, self._root)
        return self._location(*frame, result.code_sha256) if frame else None

    def locate_load_error(self, location: str, code_sha256: str) -> SourceLocation | None:
        """Return the location of a `CodeLoad`, whose text is `PATH:LINE: ERROR`."""
        match = _LOAD_ERROR.match(location)
        return self._location(match["path"], int(match["line"]), code_sha256) if match else None

    def _location(self, path: str, line: int, code_sha256: str) -> SourceLocation:
        lines = self._lines(path, code_sha256)
        first = max(1, line - _CONTEXT_LINES)
        nearby = lines[first - 1 : line + _CONTEXT_LINES]
        return SourceLocation(self._resolve_link(path), line, first, nearby)

    def _resolve_link(self, path: str) -> str:
        """Return the file to edit: the target, if a link in the function's code leads outside."""
        real = Path(path).resolve()
        own = Path(path).is_relative_to(self._root)
        return str(real) if own and not real.is_relative_to(self._root.resolve()) else path

    def _lines(self, path: str, code_sha256: str) -> tuple[str, ...]:
        key = (path, code_sha256)
        if key not in self._files:
            if len(self._files) >= _MAX_CACHED_FILES:
                del self._files[next(iter(self._files))]
            text = text_or_empty(Path(path), _MAX_FILE_BYTES)
            self._files[key] = tuple(text.splitlines())
        return self._files[key]


def _error(result: Result) -> dict[str, Any]:
    try:
        value = loads(result.payload)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _frames(result: Result) -> Iterator[tuple[str, int]]:
    trace = _error(result).get("stackTrace")
    for frame in trace if isinstance(trace, list) else result.stack:
        if match := _FRAME.search(str(frame)):
            yield match["path"], int(match["line"])
