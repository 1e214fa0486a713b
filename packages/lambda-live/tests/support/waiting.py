"""Waiting for a condition."""

import time
from collections.abc import Callable

DEADLINE = 30.0
"""Seconds after which a wait fails."""


def wait_until[T](
    condition: Callable[[], T | None], what: str = "the condition", seconds: float = DEADLINE
) -> T:
    """
    Return the condition's first true value.

    The poll interval is 10 ms, and grows to a fiftieth of the time waited so far.
    """
    start = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - start
        if waited > seconds:
            message = f"timeout of {seconds:g} s: {what}"
            raise AssertionError(message)
        time.sleep(max(0.01, waited / 50))
    return value
