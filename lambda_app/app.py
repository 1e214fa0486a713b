"""The handler that AWS Lambda calls: `app.lambda_handler`."""

import json
from typing import Any

import structlog

from log import begin_invocation, configure
from message import BadEventError, message_in

configure()
log = structlog.get_logger()


def process(message: str) -> str:
    """Return the answer to a message."""
    return f"The received message is: '{message}'"


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """
    Answer an event with a proxy response: 200 and the processed message, or 400 and the reason.

    See https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    begin_invocation(context)
    try:
        message = message_in(event)
    except BadEventError as error:
        log.warning("event refused", error=str(error))
        return _response(400, "application/json", json.dumps({"error": str(error)}))
    log.debug("message received", content=message)
    log.info("message processed", characters=len(message))
    return _response(200, "text/plain; charset=utf-8", process(message))


def _response(status: int, content_type: str, body: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": content_type}, "body": body}
