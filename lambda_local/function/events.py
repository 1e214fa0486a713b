"""
Invocations of type Event: queued, tried three times, then told of in the log.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import asyncio
from collections.abc import Awaitable, Callable

from lambda_local.function.queue import ThrottledError
from lambda_local.function.stopping import StoppingError
from lambda_local.invocation import Invocation, Result
from lambda_local.telemetry.listener import Listener

RETRY_DELAYS = (1.0, 2.0)
"""Seconds before the second and the third try; AWS waits one and two minutes."""

MOST_BYTES = 2**26
"""Bytes of the events that may wait together; one more is throttled."""

_THROTTLE_DELAY = 0.5


class EventQueue:
    """Holds what was accepted until it has run."""

    def __init__(self, run: Callable[[Invocation], Awaitable[Result]], listener: Listener) -> None:
        self._run_once = run
        self._listener = listener
        self._tasks: dict[asyncio.Task[None], Invocation] = {}
        self._bytes = 0
        self._stopping = asyncio.Event()

    def put(self, invocation: Invocation) -> None:
        """Accept an event. Raises StoppingError, ThrottledError."""
        if self._stopping.is_set():
            raise StoppingError
        if self._bytes + len(invocation.payload) > MOST_BYTES:
            self._listener.throttled()
            raise ThrottledError
        self._bytes += len(invocation.payload)
        task = asyncio.create_task(self._run(invocation))
        self._tasks[task] = invocation
        task.add_done_callback(self._ran)

    def _ran(self, task: asyncio.Task[None]) -> None:
        if (invocation := self._tasks.pop(task, None)) is not None:
            self._bytes -= len(invocation.payload)

    async def _run(self, invocation: Invocation) -> None:
        try:
            await self._run_or_retry(invocation)
        except StoppingError:
            self._lose(invocation)

    async def _run_or_retry(self, invocation: Invocation) -> None:
        for delay in (*RETRY_DELAYS, None):
            result = await self._try(invocation)
            if result.error_type is None:
                return
            if delay is None or self._stopping.is_set():
                self._listener.event_dropped(invocation, result)
                return
            await self._pause(delay)
            invocation.again()

    async def _try(self, invocation: Invocation) -> Result:
        while True:
            try:
                return await self._run_once(invocation)
            except ThrottledError:
                invocation.again()
                await asyncio.sleep(_THROTTLE_DELAY)

    async def _pause(self, seconds: float) -> None:
        """Wait; a stop ends the waiting, so that what is left is tried once more at once."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def stop(self) -> None:
        """Accept no more; what waits to be tried again is tried once more, at once."""
        self._stopping.set()

    async def finish(self, seconds: float) -> None:
        """Run what was accepted; after so many seconds, log what could not be."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task, invocation in list(self._tasks.items()):
            task.cancel()
            self._lose(invocation)

    def _lose(self, invocation: Invocation) -> None:
        payload = invocation.payload.decode("utf-8", "replace")
        self._listener.service_said("event not run: the service stopped", "ERROR", event=payload)
