"""How a line fits a terminal: whole words on each row, and what goes on below is indented."""

import re

from wcwidth import width, wrap

from lambda_live.terminal.style import plain

_BEGINNING = re.compile(r"\d\d:\d\d:\d\d . |\s*")
_DEEPER = 2


def fold(line: str, columns: int) -> list[str]:
    """Return it as rows of no more than so many columns; a word that has no room is broken."""
    if width(line) <= columns:
        return [line]
    indent = " " * min(_hang(plain(line)), columns // 2)
    return wrap(line, columns, subsequent_indent=indent, break_on_hyphens=False)


def _hang(text: str) -> int:
    """Return where what goes on begins: below the words after the time, or deeper than the line."""
    match = _BEGINNING.match(text)
    beginning = "" if match is None else match[0]
    return len(beginning) + _DEEPER * (not beginning.strip())
