"""
Text of a function's or a caller's, made such that a terminal takes it for nothing but text.

Sources: ECMA-48 (control functions, C0 and C1), and for text that reads otherwise than it is
written https://trojansource.codes.
"""

import re
import unicodedata

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
_KEPT = "\u200c\u200d"  # joiners are part of words, and of emoji
_TAB = 4


def harmless(text: str) -> str:
    """Return it on one line, without colours, and with all else that would act shown escaped."""
    if text.isprintable():
        return text
    text = _COLOUR.sub("", text).expandtabs(_TAB)
    return "".join(_escaped(each) if _acts(each) else each for each in text)


def _acts(character: str) -> bool:
    # control; format, of direction too; surrogate; what ends a line or a paragraph
    kind = unicodedata.category(character)
    return kind in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in _KEPT


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
