"""An error as a person wants it: what, where, and the lines around; the lines of one only once."""

from pathlib import Path

from lambda_live.model.code_version import CodeLoad
from lambda_live.model.invocation import Result
from lambda_live.telemetry.sanitize import harmless
from lambda_live.telemetry.source_location import LocationFinder, SourceLocation, error_message
from lambda_live.terminal.style import bold, cut, dim, red
from lambda_live.terminal.wrap import fold

_AROUND = 2
_ROWS = 4
"""Rows of a message that are shown."""

_LONGEST = 1000
_SEVERAL = 1000


class Failures:
    """Knows which errors of the code that answers were shown already."""

    def __init__(self, root: Path, project: Path) -> None:
        """`root` is where the function's own code is, `project` where its reader stands."""
        self._project = project
        self._places = LocationFinder(root)
        self._shown: set[tuple[str, str, str]] = set()

    def forget(self) -> None:
        """Take it that the code is another."""
        self._shown.clear()

    def place_of(self, result: Result) -> SourceLocation | None:
        """Return where it was raised, if that is known."""
        return self._places.locate_error(result)

    def place_of_load(self, place: str, code_sha256: str) -> SourceLocation | None:
        """Return where the code does not load."""
        return self._places.locate_load_error(place, code_sha256)

    def short(self, place: SourceLocation | None) -> str:
        """Return file and line, seen from the project."""
        return "" if place is None else harmless(place.relative_to(self._project))

    def block(self, result: Result, place: SourceLocation | None, width: int) -> list[str]:
        """Return the message and the code around; of what was shown, nothing."""
        return self._block(result.error_type or "", error_message(result), place, width)

    def block_of_load(self, load: CodeLoad, place: SourceLocation | None, width: int) -> list[str]:
        """Return the same of code that does not load."""
        error = load.error
        if error is None:
            return []
        said = error_message(error) if place is None else load.location.split(": ", 1)[1]
        return self._block(error.error_type or "", said, place, width)

    def _block(
        self, error_type: str, message: str, place: SourceLocation | None, width: int
    ) -> list[str]:
        where = self.short(place)
        key = (error_type, message if place is None else "", where)
        if (*key[:1], message, where) in self._shown:
            return []
        lines = _message(message, width)
        if key not in self._shown and place is not None:
            lines += excerpt(place, width)
        if len(self._shown) < _SEVERAL:
            self._shown |= {key, (key[0], message, where)}
        return lines


def _message(message: str, width: int) -> list[str]:
    lines = (f"  {harmless(line[:_LONGEST])}" for line in message.split("\n", _ROWS)[:_ROWS])
    rows = [row for line in lines for row in fold(line, width)]
    if len(rows) > _ROWS:
        rows[_ROWS - 1 :] = [cut(f"{rows[_ROWS - 1]} …", width)]
    return [red(row) for row in rows]


def excerpt(place: SourceLocation, width: int) -> list[str]:
    """Return the lines of code around a place, and the line itself marked."""
    digits = len(str(place.line + _AROUND))
    lines = []
    for number, text in _near(place):
        code = cut(harmless(text), width - digits - 7)
        if number == place.line:
            lines.append(f"  {red('>')} {number:>{digits}} {dim('│')} {bold(code)}".rstrip())
        else:
            lines.append(dim(f"    {number:>{digits}} │ {code}".rstrip()))
    return lines


def _near(place: SourceLocation) -> list[tuple[int, str]]:
    """Return the line and those around it, without empty ones at the edges."""
    lines = [
        (number, text)
        for number, text in enumerate(place.lines, start=place.first_line)
        if abs(number - place.line) <= _AROUND
    ]
    for end in (0, -1):
        while lines and lines[end][0] != place.line and not lines[end][1].strip():
            del lines[end]
    return lines
