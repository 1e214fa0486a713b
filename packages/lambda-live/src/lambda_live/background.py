"""Tasks that nobody awaits."""

import asyncio
from collections.abc import Callable, Coroutine


class BackgroundTasks:
    """Keeps a reference to each task until it ends, and logs its exception."""

    def __init__(self, log: Callable[[str, str], None]) -> None:
        """`log` gets a message and its level."""
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log(f"internal error: {error!r}", "ERROR")

    def cancel(self) -> None:
        """Cancel every task that still runs."""
        for task in self._tasks:
            task.cancel()
