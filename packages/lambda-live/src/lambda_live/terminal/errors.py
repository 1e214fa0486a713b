"""Format errors: message, file and line, and the code around it."""

from pathlib import Path

from lambda_live.dependencies.missing_modules import explain_error
from lambda_live.model.code_version import CodeLoad
from lambda_live.model.invocation import Result
from lambda_live.telemetry.sanitize import sanitize
from lambda_live.telemetry.source_location import LocationFinder, SourceLocation, error_message
from lambda_live.terminal.text import bold, dim, red, truncate, wrap_line

_CONTEXT_LINES = 2
"""Lines of code shown before and after the line of an error."""

_MAX_MESSAGE_ROWS = 4
_MAX_LINE_CHARACTERS = 1000
_MAX_REMEMBERED = 1000


class ErrorFormatter:
    """Formats the errors of one function. Each message and each excerpt is shown once a save."""

    def __init__(self, root: Path, project: Path) -> None:
        """`root` is the folder of the function's code. Paths are shown relative to `project`."""
        self._root = root
        self._project = project
        self._finder = LocationFinder(root)
        self._shown: set[tuple[str, str, str]] = set()

    def reset(self) -> None:
        """Show all errors again, because the code changed."""
        self._shown.clear()

    def locate(self, error: Result | CodeLoad) -> SourceLocation | None:
        """Return where an error was raised, or where code failed to load, if known."""
        if isinstance(error, CodeLoad):
            return self._finder.locate_load_error(error.location, error.code_sha256)
        return self._finder.locate_error(error)

    def place(self, error: Result | CodeLoad) -> str:
        """Return file and line of an error, relative to the project; empty if unknown."""
        location = self.locate(error)
        return "" if location is None else sanitize(location.relative_to(self._project))

    def format(self, error: Result | CodeLoad, width: int) -> list[str]:
        """Return the message and the code around it, without what was shown before."""
        location, where = self.locate(error), self.place(error)
        result = error.error if isinstance(error, CodeLoad) else error
        if result is None:
            return []
        error_type = result.error_type or ""
        if not isinstance(error, CodeLoad):
            message = explain_error(result, self._root, self._project)
        elif location is None:
            message = error_message(result)
        else:
            message = error.location.split(": ", 1)[1]
        same_error = (error_type, message, where)
        # errors raised on one line share their excerpt
        same_line = (error_type, message if location is None else "", where)
        if same_error in self._shown:
            return []
        lines = _message_rows(message, width)
        if same_line not in self._shown and location is not None:
            lines += code_excerpt(location, width)
        if len(self._shown) < _MAX_REMEMBERED:
            self._shown |= {same_line, same_error}
        return lines


def error_name(result: Result) -> str:
    """Return AWS's name of an error without its prefix, such as `Runtime.`."""
    return sanitize((result.error_type or "").removeprefix("Runtime.").removeprefix("Sandbox."))


def _message_rows(message: str, width: int) -> list[str]:
    lines = message.split("\n", _MAX_MESSAGE_ROWS)[:_MAX_MESSAGE_ROWS]
    indented = (f"  {sanitize(line[:_MAX_LINE_CHARACTERS])}" for line in lines)
    rows = [row for line in indented for row in wrap_line(line, width)]
    if len(rows) > _MAX_MESSAGE_ROWS:
        last = _MAX_MESSAGE_ROWS - 1
        rows[last:] = [truncate(f"{rows[last]} …", width)]
    return [red(row) for row in rows]


def code_excerpt(location: SourceLocation, width: int) -> list[str]:
    """Return the lines of code around a location, with the line itself marked."""
    digits = len(str(location.line + _CONTEXT_LINES))
    rows = []
    for number, text in _context(location):
        code = truncate(sanitize(text), width - digits - 7)
        if number == location.line:
            rows.append(f"  {red('>')} {number:>{digits}} {dim('│')} {bold(code)}".rstrip())
        else:
            rows.append(dim(f"    {number:>{digits}} │ {code}".rstrip()))
    return rows


def _context(location: SourceLocation) -> list[tuple[int, str]]:
    """Return the numbered lines around a location, without empty ones at both ends."""
    lines = [
        (number, text)
        for number, text in enumerate(location.lines, start=location.first_line)
        if abs(number - location.line) <= _CONTEXT_LINES
    ]
    for end in (0, -1):
        while lines and lines[end][0] != location.line and not lines[end][1].strip():
            del lines[end]
    return lines
