"""
What an IAM policy says of a call of an API; conditions are taken to hold.

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

import re
from typing import Any

_ACTION = "execute-api:Invoke"


def effect_of(document: dict[str, Any], arn: str) -> str | None:
    """Return Allow or Deny, or None if no statement speaks of the call; Deny wins."""
    statements = [each for each in _listed(document, "Statement") if isinstance(each, dict)]
    effects = [each.get("Effect") for each in statements if _speaks_of(each, arn)]
    return next((effect for effect in ("Deny", "Allow") if effect in effects), None)


def _speaks_of(statement: dict[str, Any], arn: str) -> bool:
    actions, resources = _listed(statement, "Action"), _listed(statement, "Resource")
    acts = any(_fits(str(each).lower(), _ACTION.lower()) for each in actions)
    return acts and any(_fits(str(each), arn) for each in resources)


def _listed(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key, [])
    return found if isinstance(found, list) else [found]


def _fits(pattern: str, text: str) -> bool:
    written = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(written, text, re.DOTALL) is not None
