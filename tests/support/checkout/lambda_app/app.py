"""A function for the tests of the scripts: it says what it was told."""

from typing import Any


def begin_invocation(context: Any) -> None:
    """Stand for what a function does first."""


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the message as a proxy response."""
    begin_invocation(context)
    if "message" not in event:
        return {"statusCode": 400, "body": "no message"}
    return {"statusCode": 200, "body": f"The received message is: '{event['message']}'"}
