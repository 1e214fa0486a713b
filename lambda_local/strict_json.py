"""JSON as its standard has it: Python's own reader takes more, and fails otherwise at a depth."""

import json
from typing import Any, NoReturn


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


def parsed(content: bytes | str) -> Any:
    """Return the value. Raises ValueError, with why to a person."""
    text = content if isinstance(content, str) else content.decode("utf-8")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        message = "it is nested too deeply"
        raise ValueError(message) from error
