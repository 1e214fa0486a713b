"""
Read text files that people write.

Editors save UTF-8, with or without a byte order mark. PowerShell's `>` saves UTF-16. A UTF-16 file
without a mark has a NUL in its first character, because that is ASCII in every file read here.
"""

import codecs
import errno
import os
import select
import sys
import time
from collections.abc import Iterator
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


def is_given(file: Path) -> bool:
    """Return whether a path names a file, a pipe or a link; reading a link reports its target."""
    return not file.is_dir() and (file.exists() or file.is_symlink())


def read_file(file: Path) -> str:
    """
    Return the text of a file.

    A named pipe is read once, because password managers ask for each read. Raises EncodingError,
    and OSError, also if no program writes to the pipe or a link has no target.
    """
    try:
        return decode(_read_pipe(file) if file.is_fifo() else file.read_bytes())
    except EncodingError as error:
        raise EncodingError(error.line, file) from None
    except FileNotFoundError as error:
        if not file.is_symlink():
            raise
        problem = f"the link's target {file.readlink()} does not exist"
        raise OSError(error.errno, problem, str(file)) from error


_PIPE_TIMEOUT_SECONDS = 10.0
_pipes: dict[tuple[int, int], bytes] = {}
"""What was read from each named pipe, by device and inode."""


def _read_pipe(file: Path) -> bytes:
    """Return what another program writes to a named pipe, or wrote to it before."""
    found = file.stat()
    key = found.st_dev, found.st_ino
    if key not in _pipes:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)  # else it waits without end
        try:
            _pipes[key] = b"".join(_chunks(file, descriptor))
        finally:
            os.close(descriptor)
    return _pipes[key]


def _chunks(file: Path, descriptor: int) -> Iterator[bytes]:
    end = time.monotonic() + _PIPE_TIMEOUT_SECONDS
    while select.select([descriptor], [], [], max(0.0, end - time.monotonic()))[0]:
        chunk = os.read(descriptor, 65_536)
        if not chunk:
            return
        yield chunk
    problem = f"no program wrote to this named pipe within {_PIPE_TIMEOUT_SECONDS:.0f} s"
    raise OSError(errno.ETIMEDOUT, problem, str(file))


def text_or_empty(file: Path, max_bytes: int = sys.maxsize) -> str:
    """Return the text of a regular file, empty if it cannot be read or is too large."""
    try:
        if not file.is_file() or file.stat().st_size > max_bytes:
            return ""
        content = file.read_bytes()
        return content.decode(encoding_of(content), "replace").replace("\r\n", "\n")
    except OSError:
        return ""
