"""
IAM policies that Lambda authorizers return. Conditions are not evaluated.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import re
from collections.abc import Callable
from typing import Any

_ACTION = "execute-api:Invoke"


def evaluate(document: dict[str, Any], arn: str) -> str | None:
    """
    Return Allow or Deny, or None if no statement applies. Deny wins; conditions are ignored.

    Raises:
        ValueError: A statement is invalid.
    """
    effects = [each["Effect"] for each in statements_of(document) if _applies(each, arn)]
    return next((effect for effect in ("Deny", "Allow") if effect in effects), None)


def statements_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a policy."""
    return [each for each in _listed(document, "Statement") if isinstance(each, dict)]


def _applies(statement: dict[str, Any], arn: str) -> bool:
    """Return whether a statement is about invoking the resource. Raises ValueError."""
    if statement.get("Effect") not in ("Allow", "Deny"):
        message = "returned an invalid policy: the Effect of a Statement must be Allow or Deny"
        raise ValueError(message)
    names_action = _names(statement, "Action", _ACTION.lower(), str.lower)
    return _names(statement, "Resource", arn, str) and names_action


def _names(
    statement: dict[str, Any], key: str, value: str, normalize: Callable[[str], str]
) -> bool:
    """Return whether `key`, or its negation such as NotAction, names a value. Raises ValueError."""
    negation = f"Not{key}"
    if (key in statement) == (negation in statement):
        message = f"returned an invalid policy: a Statement must have {key} or {negation}"
        raise ValueError(message)
    is_negated = negation in statement
    patterns = _listed(statement, negation if is_negated else key)
    return is_negated != any(_matches(normalize(str(each)), value) for each in patterns)


def _listed(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key, [])
    return found if isinstance(found, list) else [found]


def _matches(pattern: str, text: str) -> bool:
    regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, text, re.DOTALL) is not None
