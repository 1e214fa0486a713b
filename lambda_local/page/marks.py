"""
Whether an answer is as expected, where marks stand for what is another each time.

`scripts/checks/compare.jq` decides the same for `scripts/check`, which runs without Python.
"""

import re
from typing import Any

from lambda_local.strict_json import parsed

UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

MARKS = {
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

_MARK = re.compile(f"({'|'.join(MARKS)})")
_SECONDS, _MILLISECONDS = (1e9, 1e10), (1e12, 1e13)


def is_expected(expected: str, answer: str) -> bool:
    """Whether an answer's text is the expected one's, up to its marks, both being JSON or not."""
    return _same(_value(expected), _value(answer))


def _value(text: str) -> Any:
    try:
        return parsed(text)
    except ValueError:
        return text


def _same(want: Any, got: Any) -> bool:
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(
            (_same_body if name == "body" else _same)(each, got[name])
            for name, each in want.items()
        )
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(_same, want, got))
    alike = isinstance(want, bool) is isinstance(got, bool) and want == got
    return alike or (isinstance(want, str) and _stands_for(want, got))


def _same_body(want: Any, got: Any) -> bool:
    """A body that is JSON itself is compared as JSON."""
    expected, answered = _structure(want), _structure(got)
    if expected is None or answered is None:
        return _same(want, got)
    return _same(expected, answered)


def _structure(value: Any) -> Any:
    found = _value(value) if isinstance(value, str) else None
    return found if isinstance(found, dict | list) else None


def _stands_for(want: str, got: Any) -> bool:
    is_number = isinstance(got, int | float) and not isinstance(got, bool)
    if want in ("<any>", "<number>"):
        return want == "<any>" or is_number
    if want == "<timestamp>" and is_number:
        return any(first <= got < end for first, end in (_SECONDS, _MILLISECONDS))
    parts = _MARK.split(want)
    if len(parts) == 1 or not isinstance(got, str):
        return False
    pattern = "".join(MARKS.get(part) or re.escape(part) for part in parts)
    return re.fullmatch(pattern, got) is not None
