"""
Comparison of JSON values: expected with actual (placeholders), and two responses with each other.

An expected value may contain placeholders such as `<uuid>` for what changes with each invocation.
A string under the key `body` that contains JSON is compared as JSON, because formatting of a
response body does not matter.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from lambda_live.model.strict_json import loads

_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

PLACEHOLDERS = {
    "<any>": r"[\s\S]*",
    "<string>": r"[\s\S]*",
    "<number>": r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?",
    "<uuid>": _UUID,
    "<timestamp>": (
        "(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
        "(?:Z|[-+][0-9]{2}:?[0-9]{2})?)?"  # ISO 8601
        "|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"  # HTTP
        "|[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [-+][0-9]{4}"  # API Gateway
        r"|[0-9]{10}(?:\.[0-9]+)?|[0-9]{13})"  # Unix, in s or ms
    ),
}
"""The pattern of each placeholder in a text. A placeholder alone also determines the type."""

_PLACEHOLDER = re.compile(f"({'|'.join(PLACEHOLDERS)})")
_UNIX_SECONDS, _UNIX_MILLISECONDS = (1e9, 1e10), (1e12, 1e13)
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)

_VARIABLE_TEXTS = (
    re.compile(_UUID),
    re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?\s?(Z|[+-]\d\d:?\d\d)?"),  # ISO 8601
    re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}"),  # an X-Ray trace
)
"""Texts that differ between two invocations. Dates and numbers are set by code, so they count."""

type Path = tuple[str | int, ...]


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""Stands for a value that is absent, which is different from `null`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the actual value is not the expected one."""

    path: str
    expected: Any = MISSING
    actual: Any = MISSING


def differences(expected: Any, actual: Any, path: Path = ()) -> Iterator[Difference]:
    """Yield each place where a JSON value differs from the expected one."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in expected | actual:
            compare = _body_differences if key == "body" else differences
            yield from _at(expected.get(key, MISSING), actual.get(key, MISSING), path, key, compare)
    elif isinstance(expected, list) and isinstance(actual, list):
        for index in range(max(len(expected), len(actual))):
            want = expected[index] if index < len(expected) else MISSING
            got = actual[index] if index < len(actual) else MISSING
            yield from _at(want, got, path, index, differences)
    elif not _equal(expected, actual) and not _matches_placeholder(expected, actual):
        yield Difference(path_text(path), expected, actual)


def _at(
    expected: Any,
    actual: Any,
    path: Path,
    key: str | int,
    compare: Callable[[Any, Any, Path], Iterator[Difference]],
) -> Iterator[Difference]:
    path = (*path, key)
    if expected is MISSING or actual is MISSING:
        yield Difference(path_text(path), expected, actual)
    else:
        yield from compare(expected, actual, path)


def _body_differences(expected: Any, actual: Any, path: Path) -> Iterator[Difference]:
    want, got = json_structure(expected), json_structure(actual)
    both = want is not None and got is not None
    return differences(want, got, path) if both else differences(expected, actual, path)


def path_text(path: Path) -> str:
    """Return a path as JavaScript writes it, such as `body.items[0].id`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f"[{json.dumps(key, ensure_ascii=False)}]"
    return text or "the response"


def matches(expected: Any, actual: Any) -> bool:
    """Whether a JSON value is the expected one."""
    return next(differences(expected, actual), None) is None


def text_matches(expected: str, actual: str) -> bool:
    """Whether a text is the expected one. `<number>` matches digits in it."""
    return expected == actual or _text_matches_placeholders(expected, actual)


def json_text_matches(expected: str, actual: str) -> bool:
    """Whether a payload is the expected one. Either may be JSON or another text."""
    return matches(parse_json(expected), parse_json(actual))


def parse_json(text: str) -> Any:
    """Return the value of a JSON text, or the text itself if it is not JSON."""
    try:
        return loads(text)
    except ValueError:
        return text


def json_structure(value: Any) -> Any:
    """Return the object or array that a string contains as JSON, else None."""
    found = parse_json(value) if isinstance(value, str) else None
    return found if isinstance(found, dict | list) else None


def _equal(one: Any, other: Any) -> bool:
    """Compare scalars. Python takes True for 1, JSON does not."""
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _matches_placeholder(expected: Any, actual: Any) -> bool:
    """Whether an expected string is a placeholder, or has some, for the actual value."""
    if not isinstance(expected, str):
        return False
    is_number = isinstance(actual, int | float) and not isinstance(actual, bool)
    if expected in ("<any>", "<number>"):
        return expected == "<any>" or is_number
    if expected == "<timestamp>" and is_number:
        return any(first <= actual < end for first, end in (_UNIX_SECONDS, _UNIX_MILLISECONDS))
    return isinstance(actual, str) and _text_matches_placeholders(expected, actual)


def _text_matches_placeholders(expected: str, actual: str) -> bool:
    parts = _PLACEHOLDER.split(expected)
    pattern = "".join(PLACEHOLDERS.get(part) or re.escape(part) for part in parts)
    return len(parts) > 1 and re.fullmatch(pattern, actual) is not None


def fill_placeholders(expected: Any, actual: Any) -> Any:
    """Return the expected value with actual values in place of the placeholders that match."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return {
            key: (fill_body if key == "body" else fill_placeholders)(value, actual[key])
            if key in actual
            else value
            for key, value in expected.items()
        }
    if isinstance(expected, list) and isinstance(actual, list):
        both = [fill_placeholders(*pair) for pair in zip(expected, actual, strict=False)]
        return both + expected[len(both) :]
    return actual if matches(expected, actual) else expected


def fill_body(expected: Any, actual: Any) -> Any:
    """Return an expected body with its placeholders filled. Both may contain JSON."""
    want, got = json_structure(expected), json_structure(actual)
    if want is None or got is None:
        return actual if matches(expected, actual) else expected
    return json.dumps(fill_placeholders(want, got), ensure_ascii=False)


def fill_json_text(expected: str, actual: str) -> str:
    """Return the text of an expected payload with its placeholders filled."""
    want, got = parse_json(expected), parse_json(actual)
    if isinstance(want, str):
        return expected
    return json.dumps(fill_placeholders(want, got), ensure_ascii=False)


def keep_placeholders(expected: Any, actual: Any) -> Any:
    """Return the actual value in the order of the expected one, with placeholders that match."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        keys = [key for key in expected | actual if key in actual]
        return {key: _keep_member(key, expected, actual) for key in keys}
    if isinstance(expected, list) and isinstance(actual, list):
        both = [keep_placeholders(*pair) for pair in zip(expected, actual, strict=False)]
        return both + actual[len(both) :]
    return expected if matches(expected, actual) else actual


def _keep_member(key: str, expected: dict[str, Any], actual: dict[str, Any]) -> Any:
    if key not in expected:
        return actual[key]
    keep = _keep_in_body if key == "body" else keep_placeholders
    return keep(expected[key], actual[key])


def _keep_in_body(expected: Any, actual: Any) -> Any:
    want, got = json_structure(expected), json_structure(actual)
    if want is None or got is None:
        return keep_placeholders(expected, actual)
    if matches(want, got):
        return expected
    kept = keep_placeholders(want, got)
    return actual if kept == got else compact_json(kept)


def compact_json(value: Any) -> str:
    """Return a value as JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def equivalent(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, except for ids and times of an invocation."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            equivalent(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equivalent, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return one == other or _equivalent_texts(one, other)
    return type(one) is type(other) and bool(one == other)


def _equivalent_texts(one: str, other: str) -> bool:
    if any(text.fullmatch(one) and text.fullmatch(other) for text in _VARIABLE_TEXTS):
        return True
    left, right = json_structure(one), json_structure(other)
    return left is not None and right is not None and equivalent(left, right)
