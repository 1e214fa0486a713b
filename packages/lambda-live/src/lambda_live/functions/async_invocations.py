"""
Invocations of type Event: queued, tried three times, then told of where the settings say.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lambda_live.functions.request_queue import ThrottledError
from lambda_live.functions.stopping import ServiceStoppingError
from lambda_live.model import errors
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Result
from lambda_live.telemetry.listener import Listener

RETRY_DELAYS_SECONDS = (1.0, 2.0)
"""Seconds before the second and the third try."""

_AWS_RETRY_DELAYS_SECONDS = (60.0, 120.0)
"""Those of AWS, by which an event is too old to be tried again."""

MAX_QUEUED_BYTES = 2**26
"""Bytes of the events that may wait together; one more is throttled."""

_THROTTLE_RETRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class AsyncOutcome:
    """
    An event that is not tried again: AWS's condition, and after how many tries.

    `result` is the last one's, if there was one.
    """

    invocation: Invocation
    configuration: FunctionConfiguration
    condition: str
    attempts: int
    result: Result | None


class _NoMoreRetriesError(Exception):
    """The event is not tried again; the condition says why."""

    def __init__(self, condition: str) -> None:
        super().__init__(condition)
        self.condition = condition


class AsyncInvocationQueue:
    """Holds what was accepted until it has run."""

    def __init__(
        self,
        invoke: Callable[[Invocation], Awaitable[Result]],
        configuration: Callable[[], FunctionConfiguration],
        on_done: Callable[[AsyncOutcome], None],
        listener: Listener,
    ) -> None:
        self._invoke = invoke
        self._configuration = configuration
        self._on_done = on_done
        self._listener = listener
        self._tasks: dict[asyncio.Task[None], Invocation] = {}
        self._bytes = 0
        self._stopping = asyncio.Event()

    def enqueue(self, invocation: Invocation) -> None:
        """Accept an event. Raises StoppingError, ThrottledError."""
        if self._stopping.is_set():
            raise ServiceStoppingError
        if self._bytes + len(invocation.payload) > MAX_QUEUED_BYTES:
            self._listener.on_throttle()
            raise ThrottledError
        self._bytes += len(invocation.payload)
        task = asyncio.create_task(self._run(invocation))
        self._tasks[task] = invocation
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if (invocation := self._tasks.pop(task, None)) is not None:
            self._bytes -= len(invocation.payload)

    async def _run(self, invocation: Invocation) -> None:
        try:
            ended = await self._run_or_retry(invocation, time.monotonic())
        except ServiceStoppingError:
            self._log_lost(invocation)
            return
        if ended.condition != "Success":
            error = ended.result or errors.event_not_run(ended.condition)
            self._listener.on_event_dropped(invocation, error)
        self._on_done(ended)

    async def _run_or_retry(self, invocation: Invocation, accepted: float) -> AsyncOutcome:
        tries, result, condition = 0, None, "Success"
        try:
            while True:
                result = await self._try(invocation, accepted)
                tries += 1
                if result.error_type is None:
                    break
                await self._pause(self._delay(tries, accepted))
                invocation.reset_for_retry()
        except _NoMoreRetriesError as error:
            condition = error.condition
        return AsyncOutcome(invocation, self._configuration(), condition, tries, result)

    def _delay(self, tries: int, accepted: float) -> float:
        """Return the seconds before the next try. Raises _GivenUpError if there is none."""
        settings = self._configuration().event_invoke_config
        if tries > settings.maximum_retry_attempts or self._stopping.is_set():
            raise _NoMoreRetriesError("RetriesExhausted")  # noqa: EM101  # AWS's word for it
        on_aws = time.monotonic() - accepted + sum(_AWS_RETRY_DELAYS_SECONDS[:tries])
        if on_aws > settings.maximum_event_age_seconds:
            raise _NoMoreRetriesError("EventAgeExceeded")  # noqa: EM101
        return RETRY_DELAYS_SECONDS[tries - 1]

    async def _try(self, invocation: Invocation, accepted: float) -> Result:
        while True:
            try:
                return await self._invoke(invocation)
            except ThrottledError:
                settings = self._configuration()
                if settings.concurrency == 0:
                    raise _NoMoreRetriesError("ZeroReservedConcurrency") from None  # noqa: EM101
                if (
                    time.monotonic() - accepted
                    > settings.event_invoke_config.maximum_event_age_seconds
                ):
                    raise _NoMoreRetriesError("EventAgeExceeded") from None  # noqa: EM101
                invocation.reset_for_retry()
                await asyncio.sleep(_THROTTLE_RETRY_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """Wait; a stop ends the waiting, so that what is left is tried once more at once."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def stop(self) -> None:
        """Accept no more; what waits to be tried again is tried once more, at once."""
        self._stopping.set()

    async def drain(self, seconds: float) -> None:
        """Run what was accepted; after so many seconds, log what could not be."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        for task, invocation in list(self._tasks.items()):
            task.cancel()
            self._log_lost(invocation)

    def _log_lost(self, invocation: Invocation) -> None:
        payload = invocation.payload.decode("utf-8", "replace")
        self._listener.service_log("event not run: the service stopped", "ERROR", event=payload)
