"""
What a function returned as HTTP: the status, the headers and the body that it names.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import json
import re
import reprlib
from collections.abc import Sequence
from typing import Any

from lambda_live.http.asgi import Response
from lambda_live.http.headers import HeaderRemapping

_STATUS = range(200, 600)
_STATUS_TEXT = re.compile(r"[2-5][0-9]{2}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class MalformedResponseError(ValueError):
    """The function returned what can't be sent over HTTP."""


def parse_v2(payload: bytes, remapping: HeaderRemapping, *, objects: bool = False) -> Response:
    """
    Return what a function answered by payload format 2.0; with `objects`, a body may be one.

    Raises:
        MalformedResponseError: It can't be sent.
    """
    value = _json(payload)
    if isinstance(value, dict) and "statusCode" in value:
        if objects and isinstance(value.get("body"), dict | list):
            value |= {"body": _compact(value["body"]), "isBase64Encoded": False}
        cookies = [
            parse_header("Set-Cookie", cookie) for cookie in typed_member(value, "cookies", list)
        ]
        headers = [
            parse_header(name, item) for name, item in typed_member(value, "headers", dict).items()
        ]
        return _response(value, remapping, headers, cookies)
    text = value if isinstance(value, str) else _compact(value)
    headers = [("Content-Type", "application/json")]
    return Response(200, text.encode("utf-8", "replace"), headers)


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


_MEMBERS = {"body", "cookies", "headers", "isBase64Encoded", "multiValueHeaders", "statusCode"}


def parse_v1(payload: bytes, remapping: HeaderRemapping, *, binary: bool) -> Response:
    """
    Return what a function answered by payload format 1.0.

    A body in base64 stays so if the answer is not to be `binary`.

    Raises:
        MalformedResponseError: It is not what the format asks for.
    """
    value = _json(payload)
    if not isinstance(value, dict):
        message = f"the function returned a {type(value).__name__}, not an object"
        raise MalformedResponseError(message)
    if unknown := sorted(set(value) - _MEMBERS):
        message = f"the function's response has members that have no meaning: {', '.join(unknown)}"
        raise MalformedResponseError(message)
    value["isBase64Encoded"] = binary and bool(value.get("isBase64Encoded"))
    many = [
        parse_header(name, item)
        for name, items in typed_member(value, "multiValueHeaders", dict).items()
        for item in (items if isinstance(items, list) else [items])
    ]
    there = {(name.lower(), text) for name, text in many}
    one = [parse_header(name, item) for name, item in typed_member(value, "headers", dict).items()]
    merged = [*many, *(pair for pair in one if (pair[0].lower(), pair[1]) not in there)]
    return _response(value, remapping, merged)


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        message = "the function returned bytes that are not JSON"
        raise MalformedResponseError(message) from error


def _response(
    value: dict[str, Any],
    remapping: HeaderRemapping,
    headers: list[tuple[str, str]],
    cookies: Sequence[tuple[str, str]] = (),
) -> Response:
    status = value.get("statusCode", 200)
    if isinstance(status, str) and _STATUS_TEXT.fullmatch(status):
        status = int(status)
    if type(status) is not int or status not in _STATUS:
        message = f"statusCode is {reprlib.repr(status)}, not a number from 200 to 599"
        raise MalformedResponseError(message)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = [*headers, ("Content-Type", "application/json")]
    return Response(status, decode_body(value), remapping.apply((*headers, *cookies)))


def typed_member[T: (dict[str, Any], list[Any])](
    value: dict[str, Any], name: str, kind: type[T]
) -> T:
    """Return a member, empty if there is none. Raises MalformedResponseError."""
    member = value.get(name) or kind()
    if not isinstance(member, kind):
        message = f"{name} is a {type(member).__name__}, not a {kind.__name__}"
        raise MalformedResponseError(message)
    return member


def parse_header(name: str, value: object) -> tuple[str, str]:
    """Return a header as it is sent. Raises MalformedResponseError."""
    text = value if isinstance(value, str) else json.dumps(value)
    if not _HEADER_NAME.fullmatch(name) or _CONTROL.search(text):
        message = f"header {name!r} is not one that HTTP allows"
        raise MalformedResponseError(message)
    try:
        text.encode("latin-1")
    except UnicodeEncodeError as error:
        message = f"header {name!r} has a character that HTTP can't carry"
        raise MalformedResponseError(message) from error
    return name, text


def decode_body(value: dict[str, Any]) -> bytes:
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
