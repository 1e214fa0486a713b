"""The handler that AWS Lambda calls: `app.lambda_handler`."""

import json
from typing import Any

import structlog

from log import bind_invocation, configure
from message import InvalidEventError, extract_message

configure()
log = structlog.get_logger()


def process(message: str) -> str:
    """Return the text that the function sends back for a message."""
    return f"The received message is: '{message}'"


def lambda_handler(event: Any, context: Any) -> dict[str, Any]:
    """
    Return a proxy response: status 200 with the processed message, or 400 with the reason.

    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
    """
    bind_invocation(context)
    try:
        message = extract_message(event)
    except InvalidEventError as error:
        log.warning("event rejected", error=str(error))
        return _response(400, "application/json", json.dumps({"error": str(error)}))
    log.debug("message received", content=message)
    log.info("message processed", characters=len(message))
    return _response(200, "text/plain; charset=utf-8", process(message))


def _response(status: int, content_type: str, body: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": content_type}, "body": body}
