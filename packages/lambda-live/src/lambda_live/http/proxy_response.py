"""
A function's result as an HTTP response: status, headers, cookies and body.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import json
import re
import reprlib
from collections.abc import Sequence
from typing import Any, NoReturn

from lambda_live.http.asgi import Response
from lambda_live.http.headers import HeaderRemapping

_MEMBERS = {"body", "cookies", "headers", "isBase64Encoded", "multiValueHeaders", "statusCode"}
_STATUS = range(200, 600)
_STATUS_TEXT = re.compile(r"[2-5][0-9]{2}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class MalformedResponseError(ValueError):
    """The function's result is not a valid HTTP response."""


def _reject(message: str) -> NoReturn:
    raise MalformedResponseError(message)


def parse_v2(
    payload: bytes, remapping: HeaderRemapping, *, is_function_url: bool = False
) -> Response:
    """
    Parse a result of payload format 2.0.

    The body of a function URL's response may be a JSON object or array. An HTTP API takes a result
    with `errorMessage` for a failure.

    Raises:
        MalformedResponseError: The result is not a valid response.
    """
    value = _json(payload)
    if isinstance(value, dict) and "statusCode" in value:
        if is_function_url and isinstance(value.get("body"), dict | list):
            value |= {"body": _compact_json(value["body"]), "isBase64Encoded": False}
        cookies = [
            _parse_header("Set-Cookie", cookie) for cookie in _typed_member(value, "cookies", list)
        ]
        headers = [
            _parse_header(name, item)
            for name, item in _typed_member(value, "headers", dict).items()
        ]
        return _response(value, remapping, headers, cookies)
    if isinstance(value, dict) and "errorMessage" in value and not is_function_url:
        _reject("the function returned errorMessage without statusCode")
    text = value if isinstance(value, str) else _compact_json(value)
    headers = [("Content-Type", "application/json")]
    return Response(200, text.encode("utf-8", "replace"), headers)


def _compact_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def parse_v1(
    payload: bytes, remapping: HeaderRemapping, *, is_rest: bool, decode_binary: bool
) -> Response:
    """
    Parse a result of payload format 1.0.

    A REST API rejects unknown members, and an HTTP API a result without `statusCode`. Without
    `decode_binary`, a base64 body is not decoded.

    Raises:
        MalformedResponseError: The result is not a valid response.
    """
    value = _json(payload)
    if not isinstance(value, dict):
        _reject(f"the function returned a {type(value).__name__}, not an object")
    if not is_rest and "statusCode" not in value:
        _reject("the function's response has no statusCode")
    if is_rest and (unknown := sorted(set(value) - _MEMBERS)):
        _reject(f"the function's response has unknown members: {', '.join(unknown)}")
    headers = _typed_member(value, "headers", dict)
    for name, item in headers.items():
        if is_rest and isinstance(item, dict | list):
            _reject(f"headers: {name} must be a string, got {type(item).__name__}")
    value["isBase64Encoded"] = decode_binary and bool(value.get("isBase64Encoded"))
    lists = _typed_member(value, "multiValueHeaders", dict)
    multiple = [
        _parse_header(name, item) for name in lists for item in _typed_member(lists, name, list)
    ]
    seen = {(name.lower(), text) for name, text in multiple}
    single = [_parse_header(name, item) for name, item in headers.items()]
    merged = [*multiple, *(pair for pair in single if (pair[0].lower(), pair[1]) not in seen)]
    return _response(value, remapping, merged)


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        _reject("the function returned invalid JSON")


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
        _reject(f"statusCode must be an integer from 200 to 599, got {reprlib.repr(status)}")
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers = [*headers, ("Content-Type", "application/json")]
    return Response(status, _decode_body(value), remapping.apply((*headers, *cookies)))


def _typed_member[T: (dict[str, Any], list[Any])](
    value: dict[str, Any], name: str, kind: type[T]
) -> T:
    """Return a member, or an empty value if it is missing. Raises MalformedResponseError."""
    member = value.get(name) or kind()
    if not isinstance(member, kind):
        _reject(f"{name} must be a {kind.__name__}, got {type(member).__name__}")
    return member


def _parse_header(name: str, value: object) -> tuple[str, str]:
    """Return a header as text. Raises MalformedResponseError."""
    text = value if isinstance(value, str) else json.dumps(value)
    if not _HEADER_NAME.fullmatch(name) or _CONTROL.search(text):
        _reject(f"invalid header {name!r}: HTTP does not allow its name or its value")
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        _reject(f"invalid header {name!r}: its value has a character that is not in Latin-1")
    return name, text


def _decode_body(value: dict[str, Any]) -> bytes:
    """Return the body's bytes. Raises MalformedResponseError."""
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        _reject(f"body must be a string, got {type(body).__name__}")
    if not value.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        _reject("body must be valid base64 because isBase64Encoded is true")
