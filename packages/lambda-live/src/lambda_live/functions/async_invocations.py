"""
Invocations of type Event: queued, tried three times, then told of where the settings say.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lambda_live.functions.request_queue import ThrottledError
from lambda_live.functions.stopping import StoppingError
from lambda_live.model import errors
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Result
from lambda_live.telemetry.listener import Listener

RETRY_DELAYS = (1.0, 2.0)
"""Seconds before the second and the third try."""

_AWS_DELAYS = (60.0, 120.0)
"""Those of AWS, by which an event is too old to be tried again."""

MOST_BYTES = 2**26
"""Bytes of the events that may wait together; one more is throttled."""

_THROTTLE_DELAY = 0.5


@dataclass(frozen=True, slots=True)
class Ended:
    """
    An event that is not tried again: AWS's condition, and after how many tries.

    `result` is the last one's, if there was one.
    """

    invocation: Invocation
    configuration: FunctionConfiguration
    condition: str
    tries: int
    result: Result | None


class _GivenUpError(Exception):
    """The event is not tried again; the condition says why."""

    def __init__(self, condition: str) -> None:
        super().__init__(condition)
        self.condition = condition


class EventQueue:
    """Holds what was accepted until it has run."""

    def __init__(
        self,
        run: Callable[[Invocation], Awaitable[Result]],
        configuration: Callable[[], FunctionConfiguration],
        ended: Callable[[Ended], None],
        listener: Listener,
    ) -> None:
        self._run_once = run
        self._configuration = configuration
        self._ended = ended
        self._listener = listener
        self._tasks: dict[asyncio.Task[None], Invocation] = {}
        self._bytes = 0
        self._stopping = asyncio.Event()

    def put(self, invocation: Invocation) -> None:
        """Accept an event. Raises StoppingError, ThrottledError."""
        if self._stopping.is_set():
            raise StoppingError
        if self._bytes + len(invocation.payload) > MOST_BYTES:
            self._listener.on_throttle()
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
            ended = await self._run_or_retry(invocation, time.monotonic())
        except StoppingError:
            self._lose(invocation)
            return
        if ended.condition != "Success":
            error = ended.result or errors.not_run(ended.condition)
            self._listener.on_event_dropped(invocation, error)
        self._ended(ended)

    async def _run_or_retry(self, invocation: Invocation, accepted: float) -> Ended:
        tries, result, condition = 0, None, "Success"
        try:
            while True:
                result = await self._try(invocation, accepted)
                tries += 1
                if result.error_type is None:
                    break
                await self._pause(self._delay(tries, accepted))
                invocation.again()
        except _GivenUpError as error:
            condition = error.condition
        return Ended(invocation, self._configuration(), condition, tries, result)

    def _delay(self, tries: int, accepted: float) -> float:
        """Return the seconds before the next try. Raises _GivenUpError if there is none."""
        settings = self._configuration().asynchronous
        if tries > settings.maximum_retry_attempts or self._stopping.is_set():
            raise _GivenUpError("RetriesExhausted")  # noqa: EM101  # AWS's word for it
        on_aws = time.monotonic() - accepted + sum(_AWS_DELAYS[:tries])
        if on_aws > settings.maximum_event_age:
            raise _GivenUpError("EventAgeExceeded")  # noqa: EM101
        return RETRY_DELAYS[tries - 1]

    async def _try(self, invocation: Invocation, accepted: float) -> Result:
        while True:
            try:
                return await self._run_once(invocation)
            except ThrottledError:
                settings = self._configuration()
                if settings.concurrency == 0:
                    raise _GivenUpError("ZeroReservedConcurrency") from None  # noqa: EM101
                if time.monotonic() - accepted > settings.asynchronous.maximum_event_age:
                    raise _GivenUpError("EventAgeExceeded") from None  # noqa: EM101
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
        self._listener.service_log("event not run: the service stopped", "ERROR", event=payload)
