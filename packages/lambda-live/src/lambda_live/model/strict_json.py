"""
Strict JSON.

Python's parser accepts `NaN` and `Infinity`, which AWS rejects, and raises RecursionError for deep
nesting. These functions raise ValueError for both.
"""

import contextlib
import json
from collections.abc import Callable
from typing import Any, NoReturn


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)


def validate(content: bytes) -> None:
    """
    Raise ValueError with a readable message unless the content is JSON.

    Depth and number of digits are not limited here, because AWS does not limit them.
    """
    with contextlib.suppress(RecursionError):
        json.loads(content.decode("utf-8"), parse_constant=_no_constant, parse_int=str)


def loads(content: bytes | str, parse_float: Callable[[str], Any] | None = None) -> Any:
    """Parse JSON. Raises ValueError with a readable message."""
    text = content if isinstance(content, str) else content.decode("utf-8")
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=parse_float)
    except RecursionError as error:
        message = "it is nested too deeply"
        raise ValueError(message) from error
