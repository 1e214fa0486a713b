"""
How callers name a function: by its name, its ARN or a part of it, and by a qualifier.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, whose patterns these are.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from lambda_live.functions.function import Function
from lambda_live.functions.registry import Functions
from lambda_live.http.aws_errors import not_found, refuse, refuse_value

_NAME = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
_REGION, _ACCOUNT, _OWN, _DERIVED = 3, 9, 11, 13
_QUALIFIER = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"


@dataclass(frozen=True, slots=True)
class Named:
    """A function, and the qualifier by which it was asked for, if it was by one."""

    function: Function
    qualifier: str | None = None


def find(functions: Functions, name: str, given: str | None, *, latest: bool) -> Named:
    """
    Return the function of that name and that qualifier, if one was given.

    One that is not here is told with `$LATEST` at its end by operations that say `latest`.

    Raises:
        ServiceError: None can be called so, or none is.
    """
    region, account_id, own, derived = _parts(name, given)
    if derived and given and derived != given:
        message = "The derived qualifier from the function name does not match the specified"
        refuse(400, "InvalidParameterValueException", f"{message} qualifier.")
    function = functions.get(own)
    here = (function or functions.default).configuration.account
    if region and region != here.region:
        message = f"Functions from '{region}' are not reachable in this region ('{here.region}')"
        not_found(message)
    account = replace(here, account_id=account_id) if account_id else here
    qualifier = given or derived or None
    if function is None or account != here or qualifier not in (None, "$LATEST"):
        suffix = qualifier or ("$LATEST" if latest else None)
        arn = account.function_arn(own)
        not_found(f"Function not found: {arn}:{suffix}" if suffix else f"Function not found: {arn}")
    return Named(function, qualifier)


@lru_cache(256)
def _parts(name: str, qualifier: str | None) -> tuple[str, str, str, str]:
    """Return region, account, name and qualifier of a name, each empty if it is not in it."""
    errors = []
    if qualifier is not None:
        errors += _errors("qualifier", qualifier, 128, _QUALIFIER)
    errors += _errors("functionName", name, 256, _NAME)
    match = re.fullmatch(_NAME, name)
    if errors or match is None:
        refuse_value(*errors)
    region, account_id, own, derived = match.group(_REGION, _ACCOUNT, _OWN, _DERIVED)
    return (region or "").rstrip(":"), (account_id or "").rstrip(":"), own, derived or ""


def _errors(member: str, value: str, longest: int, pattern: str) -> list[str]:
    failed = f"Value '{value}' at '{member}' failed to satisfy constraint: Member must"
    if len(value) > longest:
        return [f"{failed} have length less than or equal to {longest}"]
    if not re.fullmatch(pattern, value):
        return [f"{failed} satisfy regular expression pattern: {pattern}"]
    return []
