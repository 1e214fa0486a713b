"""
Read text files that people write.

Editors save UTF-8, with or without a byte order mark. PowerShell's `>` saves UTF-16. A UTF-16 file
without a mark has a NUL in its first character, because that is ASCII in every file read here.
"""

import codecs
import sys
from pathlib import Path

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class EncodingError(ValueError):
    """A file is not text; `line` counts from 1."""

    def __init__(self, line: int, file: Path | None = None) -> None:
        place = f"line {line}" if file is None else f"{file}:{line}: the line"
        super().__init__(f"{place} is not UTF-8; save the file as UTF-8")
        self.line = line


def decode(content: bytes) -> str:
    """Return the text of a file, with Unix line ends. Raises EncodingError."""
    try:
        text = content.decode(encoding_of(content))
    except UnicodeDecodeError as error:
        raise EncodingError(content.count(b"\n", 0, error.start) + 1) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(content: bytes) -> str:
    """Return the encoding of a file that begins with these bytes, as Python names it."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return encoding
    first = content[:2]
    return "utf-16-le" if first[1:] == b"\0" else "utf-16-be" if first[:1] == b"\0" else "utf-8"


def read_file(file: Path) -> str:
    """Return the text of a file. Raises OSError, EncodingError."""
    try:
        return decode(file.read_bytes())
    except EncodingError as error:
        raise EncodingError(error.line, file) from None


def text_or_empty(file: Path, max_bytes: int = sys.maxsize) -> str:
    """Return the text of a file, empty if it cannot be read or is too large."""
    try:
        if file.stat().st_size > max_bytes:
            return ""
        content = file.read_bytes()
        return content.decode(encoding_of(content), "replace").replace("\r\n", "\n")
    except OSError:
        return ""
