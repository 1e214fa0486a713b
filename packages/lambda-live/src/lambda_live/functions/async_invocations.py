"""
Asynchronous invocations (type Event): a queue with retries, and an outcome for each event.

Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lambda_live.functions.request_queue import ServiceStoppingError, ThrottledError
from lambda_live.model import errors
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Result
from lambda_live.telemetry.listener import Listener

RETRY_DELAYS_SECONDS = (1.0, 2.0)
"""Before the second and the third attempt; shorter than on AWS."""

_AWS_RETRY_DELAYS_SECONDS = (60.0, 120.0)
"""The delays of AWS; they decide whether an event is too old for another attempt."""

MAX_QUEUED_BYTES = 2**26
"""The size of all waiting events; beyond it, events are throttled."""

MAX_QUEUED_EVENTS = 10_000
"""The number of waiting events; beyond it, events are throttled."""


@dataclass(frozen=True, slots=True)
class AsyncOutcome:
    """
    The final outcome of an event.

    `condition` is AWS's word for it: Success, RetriesExhausted, EventAgeExceeded or
    ZeroReservedConcurrency. For an event that AWS drops as part of a recursive loop it is
    RecursiveLoop; AWS does not document its word. `result` is the last attempt's, None if the
    function never ran.
    """

    invocation: Invocation
    configuration: FunctionConfiguration
    condition: str
    attempts: int
    result: Result | None


class _NoMoreRetriesError(Exception):
    """The event is not retried; the text is AWS's reason."""


class AsyncInvocationQueue:
    """Runs accepted events, each in a task, and retries those that fail."""

    def __init__(
        self,
        invoke: Callable[[Invocation], Awaitable[Result]],
        configuration: Callable[[], FunctionConfiguration],
        on_done: Callable[[AsyncOutcome], Awaitable[None]],
        listener: Listener,
    ) -> None:
        self._invoke = invoke
        self._configuration = configuration
        self._on_done = on_done
        self._listener = listener
        self._tasks: dict[asyncio.Task[None], Invocation] = {}
        self._bytes = 0
        self._throttled: deque[asyncio.Future[None]] = deque()
        self._stopping = asyncio.Event()

    def enqueue(self, invocation: Invocation, *, is_recursive: bool = False) -> asyncio.Task[None]:
        """
        Accept an event; the task ends when its outcome has been delivered.

        An event that `is_recursive` does not run: it is part of a recursive loop.

        Raises:
            ServiceStoppingError: The service is stopping.
            ThrottledError: Too many events wait.
        """
        if self._stopping.is_set():
            raise ServiceStoppingError
        is_full = len(self._tasks) >= MAX_QUEUED_EVENTS
        if is_full or self._bytes + len(invocation.payload) > MAX_QUEUED_BYTES:
            self._listener.on_throttle()
            raise ThrottledError
        self._bytes += len(invocation.payload)
        task = asyncio.create_task(self._run(invocation, is_recursive=is_recursive))
        self._tasks[task] = invocation
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        if (invocation := self._tasks.pop(task, None)) is not None:
            self._bytes -= len(invocation.payload)

    async def _run(self, invocation: Invocation, *, is_recursive: bool) -> None:
        try:
            if is_recursive:
                outcome = self._drop_recursive(invocation)
            else:
                outcome = await self._run_with_retries(invocation, time.monotonic())
        except ServiceStoppingError:
            self._log_lost(invocation)
            return
        if outcome.condition != "Success":
            error = outcome.result or errors.event_not_run(outcome.condition)
            self._listener.on_event_dropped(invocation, error)
            self._listener.on_failure_handled(invocation.request_id, _consequence(outcome))
        await self._on_done(outcome)

    def _drop_recursive(self, invocation: Invocation) -> AsyncOutcome:
        message = (
            "event not run: recursive loop. AWS stops a function that is invoked about 16 times"
        )
        self._listener.service_log(f"{message} in one chain of requests", "ERROR")
        return AsyncOutcome(invocation, self._configuration(), "RecursiveLoop", 0, None)

    async def _run_with_retries(self, invocation: Invocation, accepted_at: float) -> AsyncOutcome:
        attempts, result, condition = 0, None, "Success"
        try:
            while True:
                result = await self._attempt(invocation, accepted_at)
                attempts += 1
                if result.error_type is None:
                    break
                delay = self._retry_delay(attempts, accepted_at)
                self._listener.on_failure_handled(invocation.request_id, f"retried in {delay:g} s")
                await self._pause(delay)
                invocation.reset_for_retry()
                invocation.attempt = attempts + 1
        except _NoMoreRetriesError as error:
            condition = str(error)
        return AsyncOutcome(invocation, self._configuration(), condition, attempts, result)

    def _retry_delay(self, attempts: int, accepted_at: float) -> float:
        """Return the seconds before the next attempt. Raises _NoMoreRetriesError."""
        config = self._configuration().event_invoke_config
        if attempts > config.maximum_retry_attempts or self._stopping.is_set():
            raise _NoMoreRetriesError("RetriesExhausted")  # noqa: EM101  # AWS's word for it
        age_on_aws = time.monotonic() - accepted_at + sum(_AWS_RETRY_DELAYS_SECONDS[:attempts])
        if age_on_aws > config.maximum_event_age_seconds:
            raise _NoMoreRetriesError("EventAgeExceeded")  # noqa: EM101  # as above
        return RETRY_DELAYS_SECONDS[attempts - 1]

    async def _attempt(self, invocation: Invocation, accepted_at: float) -> Result:
        """Run the function once. A throttled attempt does not count; it waits for capacity."""
        while True:
            try:
                return await self._invoke(invocation)
            except ThrottledError:
                configuration = self._configuration()
                if configuration.concurrency == 0:
                    raise _NoMoreRetriesError("ZeroReservedConcurrency") from None  # noqa: EM101  # as above
                age = time.monotonic() - accepted_at
                left = configuration.event_invoke_config.maximum_event_age_seconds - age
                if left < 0:
                    raise _NoMoreRetriesError("EventAgeExceeded") from None  # noqa: EM101  # as above
                await self._wait_for_capacity(left)
                invocation.reset_for_retry()

    async def _wait_for_capacity(self, timeout_seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._throttled.append(future)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(future, timeout_seconds)

    def on_capacity(self) -> None:
        """Retry the throttled event that waits longest: a request has finished."""
        while self._throttled:
            future = self._throttled.popleft()
            if not future.done():
                future.set_result(None)
                return

    def retry_throttled(self) -> None:
        """Retry every throttled event: the configuration changed."""
        for future in self._throttled:
            if not future.done():
                future.set_result(None)
        self._throttled.clear()

    async def _pause(self, seconds: float) -> None:
        """Wait before an attempt; a stop ends the wait."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def stop(self) -> None:
        """Accept no more events; those that wait for a retry run at once, a last time."""
        self._stopping.set()

    async def drain(self, timeout_seconds: float) -> None:
        """Run the accepted events; log those that are left at the timeout."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)
        for task, invocation in list(self._tasks.items()):
            task.cancel()
            self._log_lost(invocation)

    def _log_lost(self, invocation: Invocation) -> None:
        payload = invocation.payload.decode("utf-8", "replace")
        self._listener.service_log("event lost: the service stopped", "ERROR", event=payload)


def _consequence(outcome: AsyncOutcome) -> str:
    """Return what happens to an event that is not retried."""
    config = outcome.configuration.event_invoke_config
    targets = [each.rpartition(":")[2] for each in (config.on_failure, config.dead_letter) if each]
    sent = f"sent to {' and '.join(targets)}" if targets else "dropped: it has no destination"
    attempts = "1 attempt" if outcome.attempts == 1 else f"{outcome.attempts} attempts"
    return f"{outcome.condition} after {attempts}; {sent}"
