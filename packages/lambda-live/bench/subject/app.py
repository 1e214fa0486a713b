"""A handler that logs, and returns its message."""

import json
from typing import Any

import structlog

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ]
)
log = structlog.get_logger()


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return a proxy response for an event, or for the body of an HTTP request."""
    structlog.contextvars.bind_contextvars(function_request_id=context.aws_request_id)
    message = (json.loads(event["body"]) if "body" in event else event)["message"]
    log.info("message processed", characters=len(message))
    body = f"The received message is: '{message}'"
    return {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "body": body}
