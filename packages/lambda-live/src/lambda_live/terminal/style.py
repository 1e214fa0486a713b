"""How text looks: colours by their names, so that each terminal's own scheme decides."""

import os
import re
import time

from wcwidth import clip, width

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_ELLIPSIS = "…"


def _styled(code: int, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"


def bold(text: str) -> str:
    """Of what matters most."""
    return _styled(1, text)


def dim(text: str) -> str:
    """Of what is there for who looks for it."""
    return _styled(2, text)


def red(text: str) -> str:
    """Of what failed."""
    return _styled(31, text)


def green(text: str) -> str:
    """Of what went well."""
    return _styled(32, text)


def yellow(text: str) -> str:
    """Of what may be meant so."""
    return _styled(33, text)


def plain(text: str) -> str:
    """Return it without its styles."""
    return _STYLE.sub("", text)


def coloured() -> bool:
    """Whether whoever looks wants colours (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def cut(text: str, columns: int) -> str:
    """Return it with no more columns than that."""
    return text if width(text) <= columns else clip(text, 0, max(0, columns - 1)) + _ELLIPSIS


def milliseconds(value: float) -> str:
    """Return a time as a person says it."""
    if value >= 1000:  # noqa: PLR2004  # a second
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"  # noqa: PLR2004  # two digits are enough


def clock() -> str:
    """Return the time of day, in whole seconds."""
    return time.strftime("%H:%M:%S")
