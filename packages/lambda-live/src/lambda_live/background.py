"""Tasks and threads in the background, and the handling of their errors."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future


async def read_in_thread[T](read: Callable[[], T]) -> T:
    """
    Read files in a thread of its own.

    A process waits at its end for the threads of `asyncio.to_thread`, but not for this one. Large
    files take seconds, and a network drive may never respond.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # a caller that is cancelled does not cancel it

    def run() -> None:
        try:
            future.set_result(read())
        except BaseException as error:  # noqa: BLE001  # the caller gets it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(future)


class BackgroundTasks:
    """
    Keeps a reference to each task until it ends.

    If callers wait for the effect of a task, its `on_error` must raise the error in them. Otherwise
    they wait forever.
    """

    def __init__(self, log: Callable[[str, str], None]) -> None:
        """`log` gets a message and its level."""
        self._log = log
        self._tasks: dict[asyncio.Task[None], Callable[[Exception], None] | None] = {}

    def spawn(
        self,
        work: Coroutine[None, None, None],
        on_error: Callable[[Exception], None] | None = None,
    ) -> asyncio.Task[None]:
        """Start a task. `on_error` gets its exception; without it, the exception is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = on_error
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        on_error = self._tasks.pop(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if on_error is not None and isinstance(error, Exception):
            on_error(error)
        else:
            self._log(f"internal error: {error!r}", "ERROR")

    async def wait_for_fewer_than(self, limit: int) -> None:
        """Return when fewer than `limit` tasks run."""
        while len(self._tasks) >= limit:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    def cancel(self) -> None:
        """Cancel every task that still runs."""
        for task in self._tasks:
            task.cancel()
