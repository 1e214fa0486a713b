"""What happens to several functions at once, as a save of what they share: told together."""

import time

_MOMENT = 5.0
"""Seconds between two of them at most: a machine that is busy takes its time."""


class Alike:
    """Counts the functions that the same has happened to."""

    def __init__(self) -> None:
        self._what = ""
        self._last = 0.0
        self._functions: set[str] = set()

    def count(self, what: str, function: str) -> int:
        """Return of how many functions this is one."""
        now = time.monotonic()
        if what != self._what or now - self._last > _MOMENT:
            self._functions = set()
        self._what, self._last = what, now
        self._functions.add(function)
        return len(self._functions)
