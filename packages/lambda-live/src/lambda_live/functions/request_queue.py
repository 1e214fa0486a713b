"""
Requests that wait for an environment.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import time
from collections import deque

from lambda_live.model.invocation import Invocation
from lambda_live.telemetry.listener import Listener


class ThrottledError(Exception):
    """All environments are busy and no more requests may wait: AWS's 429."""


class RequestQueue:
    """Decides which requests may wait, and for how many seconds."""

    def __init__(self, length: int, seconds: float, listener: Listener) -> None:
        self._length = length
        self._seconds = seconds
        self._listener = listener
        self._waiting: deque[tuple[float, Invocation]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def enqueue(self, invocation: Invocation, arrived: float, free: int) -> None:
        """Let it wait, beside as many as can run at once. Raises ThrottledError."""
        if len(self._waiting) >= max(free, 0) + self._length:
            self._listener.on_throttle()
            raise ThrottledError
        self._waiting.append((arrived, invocation))

    def requeue(self, invocation: Invocation) -> None:
        """Let one that was taken be the first."""
        self._waiting.appendleft((time.monotonic(), invocation))

    def arrived_by(self, moment: float) -> bool:
        """Whether one waits, and the first has done so since that moment, monotonic."""
        return bool(self._waiting) and self._waiting[0][0] <= moment

    def pop(self) -> Invocation:
        """Take the first."""
        return self._waiting.popleft()[1]

    def expire(self, now: float, protected: int) -> None:
        """Throttle those that waited too long, but for as many as have an environment coming."""
        while len(self._waiting) > protected and self.arrived_by(now - self._seconds):
            self._listener.on_throttle()
            self.reject_first(ThrottledError())

    def reject_first(self, why: Exception) -> None:
        """Answer the first; its caller may have left."""
        invocation = self.pop()
        if not invocation.result.done():
            invocation.result.set_exception(why)

    def reject_all(self, why: Exception) -> None:
        """Answer everyone."""
        while self._waiting:
            self.reject_first(why)
