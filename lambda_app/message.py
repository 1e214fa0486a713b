"""Where the message is in an event, and what is wrong with an event that has none."""

import base64
import json
from typing import Any

KINDS = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}
MESSAGE_OBJECT = 'a JSON object with a message in it, such as {"message": "hello world"}'


class BadEventError(ValueError):
    """The event holds no message that could be processed; the text is fit for the caller."""

    def __init__(self, *, found: str, expected: str) -> None:
        super().__init__(f"{found}; expected {expected}.")


def message_in(event: Any) -> str:
    """
    Return the message that an event carries.

    It is looked for in the body of an event of API Gateway (payload formats 1.0 and 2.0), a
    function URL or an Application Load Balancer, and, where there is no body, in the event itself.

    Raises:
        BadEventError: There is no message in the event.

    Formats: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    and https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
    """
    match event:
        case {"body": body}:
            return _message_of(_parsed(_decoded(body, event.get("isBase64Encoded"))))
        case {"message": _}:
            return _message_of(event)
        case {}:
            raise BadEventError(found="The event has no body", expected=MESSAGE_OBJECT)
        case _:
            raise BadEventError(
                found=f"The event is {_kind(event)}", expected="an object with a body or a message"
            )


def _decoded(body: Any, is_base64: Any) -> str:
    if not isinstance(body, str):
        raise BadEventError(
            found=f"The body is {_kind(body)}", expected=f"a string that holds {MESSAGE_OBJECT}"
        )
    if not body:
        raise BadEventError(found="The body is empty", expected=MESSAGE_OBJECT)
    if is_base64 is not True:
        return body
    try:
        return base64.b64decode(body, validate=True).decode()
    except UnicodeDecodeError as error:
        raise BadEventError(
            found="The decoded body is not UTF-8", expected=MESSAGE_OBJECT
        ) from error
    except ValueError as error:
        raise BadEventError(
            found="The body is not base64", expected="base64, as isBase64Encoded is true"
        ) from error


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadEventError(
            found=f"The body can't be read as JSON ({error})", expected=MESSAGE_OBJECT
        ) from error


def _message_of(payload: Any) -> str:
    match payload:
        case {"message": str() as message}:
            return _encodable(message)
        case {"message": other}:
            raise BadEventError(found=f"The message is {_kind(other)}", expected="a string")
        case {}:
            raise BadEventError(found="The body has no message", expected=MESSAGE_OBJECT)
        case _:
            raise BadEventError(found=f"The body is {_kind(payload)}", expected=MESSAGE_OBJECT)


def _encodable(message: str) -> str:
    # JSON can escape half of a surrogate pair, and the runtime then fails to send the response.
    try:
        message.encode()
    except UnicodeEncodeError as error:
        half = ord(message[error.start])
        raise BadEventError(
            found=f"The message holds half of a surrogate pair, U+{half:04X}",
            expected="Unicode text",
        ) from error
    return message


def _kind(value: Any) -> str:
    return KINDS.get(type(value), "no JSON value")
