"""What the process of an environment says of its init."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InitMessage:
    """
    After a good init, milliseconds of it that were spent ahead, and what to import ahead next time.

    The latter is text for the next process alone. After a bad one, the place of the error.
    """

    preload_ms: float = 0.0
    preload: str = ""
    location: str = ""


def parse_init_message(message: bytes) -> InitMessage:
    """Return what a message says; of one that is none, nothing: the function may forge it."""
    try:
        told = json.loads(message)
        return InitMessage(
            float(told.get("ahead_ms", 0)), str(told.get("ahead", "")), str(told.get("place", ""))
        )
    except (ValueError, TypeError, AttributeError):
        return InitMessage()
