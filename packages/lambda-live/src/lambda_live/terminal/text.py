"""Terminal text: styles, widths and wrapping."""

import os
import re
import time
from functools import partial

from wcwidth import clip, width, wrap

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_ELLIPSIS = "…"
_PREFIX = re.compile(r"\d\d:\d\d:\d\d . |\s*")
_EXTRA_INDENT = 2


def _styled(code: int, text: str) -> str:
    # the 16 named colors follow the color scheme of the user's terminal
    return f"\x1b[{code}m{text}\x1b[0m"


bold = partial(_styled, 1)
dim = partial(_styled, 2)  # secondary information
red = partial(_styled, 31)  # a failure
green = partial(_styled, 32)  # a success
yellow = partial(_styled, 33)  # a warning


def strip_styles(text: str) -> str:
    """Remove the styles from a text."""
    return _STYLE.sub("", text)


def use_color() -> bool:
    """Return whether the user wants colors (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width(descriptor: int) -> int | None:
    """Return the columns of a terminal, or None if it is not a terminal."""
    try:
        return os.get_terminal_size(descriptor).columns or None
    except OSError:
        return None


def truncate(text: str, columns: int) -> str:
    """Shorten a text to a number of columns."""
    return text if width(text) <= columns else clip(text, 0, max(0, columns - 1)) + _ELLIPSIS


def wrap_line(line: str, columns: int) -> list[str]:
    """
    Wrap a line at whole words and indent the rows that continue it.

    A word longer than a row is broken.
    """
    if width(line) <= columns:
        return [line]
    indent = " " * min(_hanging_indent(strip_styles(line)), columns // 2)
    return wrap(line, columns, subsequent_indent=indent, break_on_hyphens=False)


def _hanging_indent(text: str) -> int:
    """Return the column after the time and mark, or two more than the line's own indent."""
    match = _PREFIX.match(text)
    prefix = "" if match is None else match[0]
    return len(prefix) + _EXTRA_INDENT * (not prefix.strip())


def format_duration(milliseconds: float) -> str:
    """Format a duration: 1.2 s, 45 ms or 3.1 ms."""
    if milliseconds >= 1000:  # noqa: PLR2004  # a second
        return f"{milliseconds / 1000:.1f} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.1f} ms"  # noqa: PLR2004  # two digits are enough


def clock() -> str:
    """Return the time of day in whole seconds."""
    return time.strftime("%H:%M:%S")
