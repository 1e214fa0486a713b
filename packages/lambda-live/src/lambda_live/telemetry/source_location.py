"""Where in the function's code an error is, and the lines around it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambda_live.model.invocation import Result
from lambda_live.model.strict_json import loads

_FRAME = re.compile(r'File "(?P<path>[^"]+)",? [Ll]ine (?P<line>\d+)')
_SAID = re.compile(r"(?P<path>.+?):(?P<line>\d+): ")  # as bootstrap.py says where an init failed
_REQUEST = re.compile(r"RequestId: \S+ (?:Error: )?")
_AROUND = 3
_SIZE_LIMIT = 2**20
_FILES = 64


@dataclass(frozen=True, slots=True)
class SourceLocation:
    """A line of a file; `lines` are those around it, the first having the number `first`."""

    path: str
    line: int
    first_line: int = 0
    lines: tuple[str, ...] = ()

    def relative_to(self, root: Path) -> str:
        """Return it as a person writes it, seen from the directory."""
        path = Path(self.path)
        seen = path.relative_to(root) if path.is_relative_to(root) else path
        return f"{seen}:{self.line}"


def error_message(result: Result) -> str:
    """Return AWS's errorMessage, or what stands in its place; not which request it was."""
    message = str(_error(result).get("errorMessage") or result.error_type or "")
    return _REQUEST.sub("", message, count=1).strip()


class LocationFinder:
    """Finds the places of one function's errors; remembers the files as that code had them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[tuple[str, str], tuple[str, ...]] = {}

    def locate_error(self, result: Result) -> SourceLocation | None:
        """Return the innermost line of the function's own, else of anybody's."""
        frames = list(_frames(result))
        own = [frame for frame in frames if Path(frame[0]).is_relative_to(self._root)]
        chosen = own or frames
        return self._place(*chosen[-1], result.code_sha256) if chosen else None

    def locate_load_error(self, place: str, code_sha256: str) -> SourceLocation | None:
        """Return the place that `Load` has as `path:line: what`."""
        match = _SAID.match(place)
        return self._place(match["path"], int(match["line"]), code_sha256) if match else None

    def _place(self, path: str, line: int, code_sha256: str) -> SourceLocation:
        lines = self._lines(path, code_sha256)
        first = max(1, line - _AROUND)
        return SourceLocation(self._edited(path), line, first, lines[first - 1 : line + _AROUND])

    def _edited(self, path: str) -> str:
        """Return the file that a person edits, if a link in the function's code leads to it."""
        real = Path(path).resolve()
        own = Path(path).is_relative_to(self._root)
        return str(real) if own and not real.is_relative_to(self._root.resolve()) else path

    def _lines(self, path: str, code_sha256: str) -> tuple[str, ...]:
        key = (path, code_sha256)
        if key not in self._files:
            if len(self._files) >= _FILES:
                del self._files[next(iter(self._files))]
            self._files[key] = _read(Path(path))
        return self._files[key]


def _read(path: Path) -> tuple[str, ...]:
    try:
        if path.stat().st_size > _SIZE_LIMIT:
            return ()
        return tuple(path.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ()


def _error(result: Result) -> dict[str, Any]:
    try:
        value = loads(result.payload)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _frames(result: Result) -> Iterator[tuple[str, int]]:
    trace = _error(result).get("stackTrace")
    for frame in trace if isinstance(trace, list) else ():
        if match := _FRAME.search(str(frame)):
            yield match["path"], int(match["line"])
