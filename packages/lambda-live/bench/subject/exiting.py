"""The handler of `app`, which exits on request."""

import os
from typing import Any

from . import app


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Exit if the event says so."""
    if "exit" in event:
        os._exit(1)
    return app.lambda_handler(event, context)
