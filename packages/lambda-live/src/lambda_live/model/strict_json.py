"""JSON as its standard has it: Python's own reader takes more, and fails otherwise at a depth."""

import contextlib
import json
from typing import Any, NoReturn


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


def validate(content: bytes) -> None:
    """
    Raise ValueError, with why to a person, unless it is JSON.

    How deep, and of how many digits, is for who reads it to bear: Python's reader has limits.
    """
    with contextlib.suppress(RecursionError):
        json.loads(content.decode("utf-8"), parse_constant=_no_constant, parse_int=str)


def loads(content: bytes | str) -> Any:
    """Return the value. Raises ValueError, with why to a person."""
    text = content if isinstance(content, str) else content.decode("utf-8")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        message = "it is nested too deeply"
        raise ValueError(message) from error
