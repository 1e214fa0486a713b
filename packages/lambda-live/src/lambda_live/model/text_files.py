"""
Read text files that people write.

Editors save UTF-8, with or without a byte order mark. PowerShell's `>` saves UTF-16.
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

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is not UTF-8; save the file as UTF-8")
        self.line = line


def decode(content: bytes) -> str:
    """Return the text of a file, with Unix line ends. Raises EncodingError."""
    encoding = next((each for mark, each in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise EncodingError(content.count(b"\n", 0, error.start) + 1) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_file(file: Path) -> str:
    """Return the text of a file. Raises OSError, EncodingError."""
    return decode(file.read_bytes())


def text_or_empty(file: Path, max_bytes: int = sys.maxsize) -> str:
    """Return the text of a file, empty if it cannot be read or is too large."""
    try:
        if file.stat().st_size > max_bytes:
            return ""
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""
