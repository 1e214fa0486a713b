"""Recording of responses as expected ones. It keeps the format, and placeholders that match."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from lambda_live.checks.comparison import keep_placeholders, parse_json
from lambda_live.checks.event_files import text_of
from lambda_live.checks.expected_response import FIRST_EXPECTED, HttpMessage
from lambda_live.checks.function_response import payload_of
from lambda_live.checks.http_file import SUFFIX, HttpResponse

_INDENT = re.compile(r'\n([ \t]+)"')
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")


def accept(expected_file: Path, response: HttpResponse) -> None:
    """Write a response as the expected one. Raises OSError."""
    before = text_of(expected_file) or ""
    if expected_file.suffix == SUFFIX:
        message = FIRST_EXPECTED if not before else HttpMessage.parse(before)
        text = message.accept(response)
    else:
        payload = payload_of(response)
        text = (
            _formatted(keep_placeholders(parse_json(before), payload), before)
            if before
            else json.dumps(payload, indent=2, ensure_ascii=False) + "\n"
        )
    _replace(expected_file, text)


def _formatted(value: Any, before: str) -> str:
    """Return a value as JSON with the indentation and escapes of the text before."""
    indent = _INDENT.search(before)
    text = json.dumps(
        value,
        ensure_ascii=before.isascii() and _ESCAPE.search(before) is not None,
        indent=indent and indent[1],
        separators=(",", ": ") if indent else (",", ":"),
    )
    return text + "\n" * before.endswith("\n")


def _replace(path: Path, text: str) -> None:
    """Replace a file as a whole, and keep its mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists():
            shutil.copy2(path, temporary)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
