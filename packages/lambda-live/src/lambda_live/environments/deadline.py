"""One limit at a time, of an init or of an invocation."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls back once, unless it is stopped first."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, on_expired: Callable[[], None]) -> None:
        """Begin, in place of what was begun before."""
        self.stop()
        self._handle = asyncio.get_running_loop().call_later(seconds, on_expired)

    @property
    def is_running(self) -> bool:
        """Whether it will call back."""
        return self._handle is not None

    def stop(self) -> None:
        """Call back no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
