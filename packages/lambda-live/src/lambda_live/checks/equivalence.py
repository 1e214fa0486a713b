"""Whether two answers say the same, though each has a time and an id of its own."""

import re
from typing import Any

from lambda_live.checks.placeholders import UUID
from lambda_live.model.strict_json import loads

_OWN = (
    re.compile(UUID),
    re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d:?\d\d)?"),  # ISO 8601
    re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}"),  # an X-Ray trace
)
"""What every answer may have for itself; no date or number, which may be what a save changed."""


def equivalent(one: Any, other: Any) -> bool:
    """Compare JSON values; a string that is JSON itself, as a body is, by what it says."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            equivalent(one[name], other[name]) for name in one
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equivalent, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return one == other or _alike_texts(one, other)
    return type(one) is type(other) and bool(one == other)


def _alike_texts(one: str, other: str) -> bool:
    if any(own.fullmatch(one) and own.fullmatch(other) for own in _OWN):
        return True
    left, right = _structure(one), _structure(other)
    return left is not None and right is not None and equivalent(left, right)


def _structure(text: str) -> Any:
    if not text.startswith(("{", "[")):
        return None
    try:
        return loads(text)
    except ValueError:
        return None
