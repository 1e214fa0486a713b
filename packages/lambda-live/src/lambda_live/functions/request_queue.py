"""
The queue of requests that wait for an environment, and the errors for requests not accepted.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import time
from collections import deque
from collections.abc import Callable
from typing import override

from lambda_live.model.invocation import Invocation
from lambda_live.telemetry.listener import Listener


class NotInvokedError(Exception):
    """The function does not run an invocation. The text says why."""


class ThrottledError(NotInvokedError):
    """All environments are busy and the queue is full: AWS's 429."""

    @override
    def __str__(self) -> str:
        return "Throttled (429): all environments are busy and the queue is full."


class ServiceStoppingError(NotInvokedError):
    """The service is stopping and accepts no more requests."""

    @override
    def __str__(self) -> str:
        return "The service is stopping."


class RejectedError(NotInvokedError):
    """AWS rejects the invocation, and would reject a retry, too: its 400."""


class RecursiveLoopError(RejectedError):
    """The function was called too often in one chain of requests."""

    def __init__(self) -> None:
        super().__init__(
            "Lambda has detected your function being invoked in a recursive loop with other Amazon"
            " Web Services resources and stopped your function's invocation."
        )


class TenantError(RejectedError):
    """The request must name a tenant and does not, or names one and must not."""


class RequestQueue:
    """A bounded queue. Requests that wait too long are throttled."""

    def __init__(self, max_length: int, timeout_seconds: float, listener: Listener) -> None:
        self._max_length = max_length
        self._timeout_seconds = timeout_seconds
        self._listener = listener
        self._waiting: deque[tuple[float, Invocation]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def enqueue(self, invocation: Invocation, arrived_at: float, free: int) -> None:
        """
        Add a request. `free` more environments can run, so as many do not count as waiting.

        Raises:
            ThrottledError: The queue is full.
        """
        if len(self._waiting) >= max(free, 0) + self._max_length:
            self._listener.on_throttle()
            raise ThrottledError
        invocation.arrived_at = arrived_at
        self._waiting.append((arrived_at, invocation))

    def requeue(self, invocation: Invocation) -> None:
        """Put a request back at the front. Its timeout still counts from its arrival."""
        self._waiting.appendleft((time.monotonic(), invocation))

    def arrived_by(self, moment: float) -> bool:
        """Whether the first request arrived at that time or earlier; `moment` is monotonic."""
        return bool(self._waiting) and self._waiting[0][0] <= moment

    def pop(self) -> Invocation:
        """Remove and return the first request."""
        return self._waiting.popleft()[1]

    def pop_first(
        self, moment: float, is_accepted: Callable[[Invocation], bool]
    ) -> Invocation | None:
        """Remove and return the first request that arrived by `moment` and is accepted."""
        for index, (arrived_at, invocation) in enumerate(self._waiting):
            if arrived_at > moment:
                break
            if is_accepted(invocation):
                del self._waiting[index]
                return invocation
        return None

    def remove(self, invocation: Invocation, why: Exception) -> None:
        """Reject an invocation if it waits."""
        for index, (_, waiting) in enumerate(self._waiting):
            if waiting is invocation:
                del self._waiting[index]
                if not waiting.result.done():
                    waiting.result.set_exception(why)
                return

    def expire(self, now: float, protected: int) -> None:
        """Throttle requests that waited too long, except as many as `protected`."""
        oldest = now - self._timeout_seconds
        while len(self._waiting) > protected and self._waiting[0][1].arrived_at <= oldest:
            self._listener.on_throttle()
            self.reject_first(ThrottledError())

    def reject_first(self, error: Exception) -> None:
        """Raise the error for the first request's caller, unless the caller has left."""
        invocation = self.pop()
        if not invocation.result.done():
            invocation.result.set_exception(error)

    def reject_all(self, error: Exception) -> None:
        """Raise the error for every caller."""
        while self._waiting:
            self.reject_first(error)
