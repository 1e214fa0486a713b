"""
Escape control sequences in text from a function or a caller, before it is shown.

A response or a log line could otherwise move the cursor, set the terminal's title, or fake a line
of the service. Text direction marks are escaped too: they make text read differently from what
it is.

Sources: ECMA-48 (control functions, C0 and C1), https://trojansource.codes.
"""

import json
import re
import unicodedata

_COLOR = re.compile(r"\x1b\[[0-9;:]*m")
_ALLOWED_FORMAT_CHARACTERS = "\u200c\u200d"  # joiners are part of words and of emoji
_TAB_COLUMNS = 4


def sanitize(text: str) -> str:
    """Return a text on one line, without colors, and with control characters escaped."""
    if text.isprintable():
        return text
    text = _COLOR.sub("", text).expandtabs(_TAB_COLUMNS)
    return "".join(_escape(each) if _is_control(each) else each for each in text)


def escape_json(text: str) -> str:
    """Return a JSON document on one line with control characters escaped, as JSON escapes them."""
    if text.isprintable():
        return text
    return "".join(json.dumps(each)[1:-1] if _is_control(each) else each for each in text)


def _is_control(character: str) -> bool:
    # control, format (text direction too), surrogate, line separator, paragraph separator
    category = unicodedata.category(character)
    is_control = category in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return is_control and character not in _ALLOWED_FORMAT_CHARACTERS


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
