"""Work that goes on beside what is answered."""

import asyncio
from collections.abc import Callable, Coroutine


class BackgroundTasks:
    """Keeps tasks until they end; says which failed, as nobody awaits them."""

    def __init__(self, on_error: Callable[[BaseException], None]) -> None:
        self._failed = on_error
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Begin it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def cancel(self) -> None:
        """End all of it."""
        for task in self._tasks:
            task.cancel()
