"""Waiting for a condition."""

import time
from collections.abc import Callable

DEADLINE = 30.0
"""Seconds until a condition that should come true counts as never."""


def wait_until[T](
    condition: Callable[[], T | None], what: str = "the condition", seconds: float = DEADLINE
) -> T:
    """
    Return the condition's first true value.

    It is asked every 10 ms at first, then after each fiftieth of the time that it took so far:
    exact for what is quick, sparing for what is slow.
    """
    begin = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - begin
        if waited > seconds:
            message = f"{what} did not come true in {seconds:g} s"
            raise AssertionError(message)
        time.sleep(max(0.01, waited / 50))
    return value
