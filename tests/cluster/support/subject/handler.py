"""A handler that does what its event says."""

import logging
import time
from typing import Any


def handle(event: dict[str, Any], _context: object) -> str:
    """Log, print, sleep or raise, as the event says."""
    if "log" in event:
        logging.getLogger().error(event["log"])
    if "print" in event:
        print(event["print"])  # noqa: T201  # a function's print is what is tested
    time.sleep(event.get("sleep", 0))
    if "raise" in event:
        raise ValueError(event["raise"])
    return "done"
