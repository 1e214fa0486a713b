"""
Whether an answer is as expected, where marks stand for what is another each time.

`scripts/checks/compare.jq` decides the same for `scripts/check`, which runs without Python.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from lambda_live.model.strict_json import loads

UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

PLACEHOLDERS = {
    "<any>": r"[\s\S]*",
    "<string>": r"[\s\S]*",
    "<number>": r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?",
    "<uuid>": UUID,
    "<timestamp>": (
        "(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
        "(?:Z|[-+][0-9]{2}:?[0-9]{2})?)?"  # ISO 8601
        "|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"  # HTTP
        "|[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [-+][0-9]{4}"  # API Gateway
        r"|[0-9]{10}(?:\.[0-9]+)?|[0-9]{13})"  # Unix, in s or ms
    ),
}
"""What each mark stands for in a text; alone, it also says of which type the value is."""

_MARK = re.compile(f"({'|'.join(PLACEHOLDERS)})")
_SECONDS, _MILLISECONDS = (1e9, 1e10), (1e12, 1e13)


def json_text_matches(expected: str, answer: str) -> bool:
    """Whether an answer's text is the expected one's, up to its marks, both being JSON or not."""
    return matches(_value(expected), _value(answer))


def _value(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


def matches(want: Any, got: Any) -> bool:
    """Whether a value is the expected one, up to its marks."""
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(
            (body_matches if name == "body" else matches)(each, got[name])
            for name, each in want.items()
        )
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(matches, want, got))
    alike = isinstance(want, bool) is isinstance(got, bool) and want == got
    return alike or (isinstance(want, str) and _stands_for(want, got))


def body_matches(want: Any, got: Any, otherwise: Callable[[Any, Any], bool] = matches) -> bool:
    """Whether a body is the expected one: as JSON if both are JSON themselves."""
    expected, answered = _structure(want), _structure(got)
    if expected is None or answered is None:
        return otherwise(want, got)
    return matches(expected, answered)


def _structure(value: Any) -> Any:
    found = _value(value) if isinstance(value, str) else None
    return found if isinstance(found, dict | list) else None


def _stands_for(want: str, got: Any) -> bool:
    is_number = isinstance(got, int | float) and not isinstance(got, bool)
    if want in ("<any>", "<number>"):
        return want == "<any>" or is_number
    if want == "<timestamp>" and is_number:
        return any(first <= got < end for first, end in (_SECONDS, _MILLISECONDS))
    return isinstance(got, str) and _fits(want, got)


def text_matches(want: str, got: str) -> bool:
    """Whether a text is the expected one, up to its marks: also a number is a text there."""
    return want == got or _fits(want, got)


def _fits(want: str, got: str) -> bool:
    parts = _MARK.split(want)
    pattern = "".join(PLACEHOLDERS.get(part) or re.escape(part) for part in parts)
    return len(parts) > 1 and re.fullmatch(pattern, got) is not None


def fill_placeholders(want: Any, got: Any) -> Any:
    """Return what was expected with what was answered in place of the marks that stand for it."""
    if isinstance(want, dict) and isinstance(got, dict):
        return {
            name: (fill_body if name == "body" else fill_placeholders)(each, got[name])
            if name in got
            else each
            for name, each in want.items()
        }
    if isinstance(want, list) and isinstance(got, list):
        both = [fill_placeholders(*pair) for pair in zip(want, got, strict=False)]
        return both + want[len(both) :]
    return got if matches(want, got) else want


def fill_body(want: Any, got: Any) -> Any:
    """Return the same of a body, which may be JSON itself."""
    expected, answered = _structure(want), _structure(got)
    if expected is None or answered is None:
        return got if matches(want, got) else want
    return json.dumps(fill_placeholders(expected, answered), ensure_ascii=False)


def fill_json_text(expected: str, answer: str) -> str:
    """Return the same of the text of an answer, for both to be shown side by side."""
    want, got = _value(expected), _value(answer)
    if isinstance(want, str):
        return expected
    return json.dumps(fill_placeholders(want, got), ensure_ascii=False)
