"""Extract the message from an event."""

import base64
import json
from typing import Any

JSON_TYPES = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}
MESSAGE_OBJECT = 'a JSON object with a message in it, such as {"message": "hello world"}'


class InvalidEventError(ValueError):
    """The event has no valid message; the text may be sent to the caller."""

    def __init__(self, *, found: str, expected: str) -> None:
        super().__init__(f"{found}; expected {expected}.")


def extract_message(event: Any) -> str:
    """
    Return the message of an event.

    The message is in the body of an API Gateway, function URL or Application Load Balancer event.
    Without a body it is in the event itself.

    Raises:
        InvalidEventError: The event has no valid message.

    Sources: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    and https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
    """
    match event:
        case {"body": body}:
            return _get_message(_parse_json(_decode(body, event.get("isBase64Encoded"))))
        case {"message": _}:
            return _get_message(event)
        case {}:
            raise InvalidEventError(found="The event has no body", expected=MESSAGE_OBJECT)
        case _:
            raise InvalidEventError(
                found=f"The event is {_describe_type(event)}",
                expected="an object with a body or a message",
            )


def _decode(body: Any, is_base64: Any) -> str:
    if not isinstance(body, str):
        raise InvalidEventError(
            found=f"The body is {_describe_type(body)}",
            expected=f"a string that holds {MESSAGE_OBJECT}",
        )
    if not body:
        raise InvalidEventError(found="The body is empty", expected=MESSAGE_OBJECT)
    if is_base64 is not True:
        return body
    try:
        return base64.b64decode(body, validate=True).decode()
    except UnicodeDecodeError as error:
        raise InvalidEventError(
            found="The decoded body is not UTF-8", expected=MESSAGE_OBJECT
        ) from error
    except ValueError as error:
        raise InvalidEventError(
            found="The body is not base64", expected="base64, as isBase64Encoded is true"
        ) from error


def _parse_json(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidEventError(
            found=f"The body can't be read as JSON ({error})", expected=MESSAGE_OBJECT
        ) from error


def _get_message(payload: Any) -> str:
    match payload:
        case {"message": str() as message}:
            return _check_encodable(message)
        case {"message": other}:
            raise InvalidEventError(
                found=f"The message is {_describe_type(other)}", expected="a string"
            )
        case {}:
            raise InvalidEventError(found="The body has no message", expected=MESSAGE_OBJECT)
        case _:
            raise InvalidEventError(
                found=f"The body is {_describe_type(payload)}", expected=MESSAGE_OBJECT
            )


def _check_encodable(message: str) -> str:
    # JSON may contain half of a surrogate pair. The runtime could not send it back as UTF-8.
    try:
        message.encode()
    except UnicodeEncodeError as error:
        surrogate = ord(message[error.start])
        raise InvalidEventError(
            found=f"The message holds half of a surrogate pair, U+{surrogate:04X}",
            expected="Unicode text",
        ) from error
    return message


def _describe_type(value: Any) -> str:
    return JSON_TYPES.get(type(value), "not a JSON value")
