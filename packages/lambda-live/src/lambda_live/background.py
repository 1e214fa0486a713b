"""Tasks that run in the background, and the handling of their errors."""

import asyncio
from collections.abc import Callable, Coroutine


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

    def cancel(self) -> None:
        """Cancel every task that still runs."""
        for task in self._tasks:
            task.cancel()
