"""
What a function returned as HTTP: the status, the headers and the body that it names.

Source: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import base64
import json
import re
from typing import Any

from lambda_local.door.http import Response

_STATUS = range(200, 600)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110


class MalformedResponseError(ValueError):
    """The function returned what can't be sent over HTTP."""


def from_result(payload: bytes) -> Response:
    """Return what the function returned as HTTP. Raises MalformedResponseError."""
    try:
        value = json.loads(payload)
    except ValueError as error:
        message = "the function returned bytes that are not JSON"
        raise MalformedResponseError(message) from error
    if isinstance(value, dict) and "statusCode" in value:
        return _structured(value)
    body = value.encode("utf-8", "replace") if isinstance(value, str) else payload
    return Response(200, body, [("Content-Type", "application/json")])


def _structured(value: dict[str, Any]) -> Response:
    status = value["statusCode"]
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if type(status) is not int or status not in _STATUS:
        message = f"statusCode is {status!r}, not a number from 200 to 599"
        raise MalformedResponseError(message)
    headers = [header_of(name, item) for name, item in typed(value, "headers", dict).items()]
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    headers += [header_of("Set-Cookie", cookie) for cookie in typed(value, "cookies", list)]
    headers = [
        pair for pair in headers if pair[0].lower() not in ("content-length", "transfer-encoding")
    ]
    return Response(status, decoded(value), headers)


def typed[T: (dict[str, Any], list[Any])](value: dict[str, Any], name: str, kind: type[T]) -> T:
    """Return a member, empty if there is none. Raises MalformedResponseError."""
    member = value.get(name) or kind()
    if not isinstance(member, kind):
        message = f"{name} is a {type(member).__name__}, not a {kind.__name__}"
        raise MalformedResponseError(message)
    return member


def header_of(name: str, value: object) -> tuple[str, str]:
    """Return a header as it is sent. Raises MalformedResponseError."""
    text = value if isinstance(value, str) else json.dumps(value)
    if not _HEADER_NAME.fullmatch(name) or any(character in text for character in "\r\n\0"):
        message = f"header {name!r} is not one that HTTP allows"
        raise MalformedResponseError(message)
    try:
        text.encode("latin-1")
    except UnicodeEncodeError as error:
        message = f"header {name!r} has a character that HTTP can't carry"
        raise MalformedResponseError(message) from error
    return name, text


def decoded(value: dict[str, Any]) -> bytes:
    """Return the body. Raises MalformedResponseError."""
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        message = f"body is a {type(body).__name__}, not a string"
        raise MalformedResponseError(message)
    if not value.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError as error:
        message = "body is not the base64 that isBase64Encoded says it is"
        raise MalformedResponseError(message) from error
