"""
Slots that limit how many functions load new code at the same time.

At startup, and after a save that several functions share, every function would start a process
and import its code at once. They would slow each other down, and AWS's init timeout of 10 s would
count the time that other functions use. Each function takes a slot first. Functions with a waiting
request go first. A slot is released when its code is loaded, or after a timeout.
"""

import asyncio
import os
from collections.abc import Callable

MAX_CONCURRENT_LOADS = max(2, os.cpu_count() or 1)
"""At least 2, because a single load may wait for the network."""

SLOT_TIMEOUT_SECONDS = 2.0
"""Time after which a slot goes to the next function although its code still loads."""


class LoadSlots:
    """The slots of a service: who has one, and who waits for one."""

    def __init__(self) -> None:
        self.granted: set[LoadSlot] = set()
        self.waiting: list[LoadSlot] = []


class LoadSlot:
    """The slot of one function."""

    def __init__(self, slots: LoadSlots, on_granted: Callable[[], None] = lambda: None) -> None:
        """`on_granted` is called when the slot is granted later than by `try_acquire`."""
        self._slots = slots
        self._on_granted = on_granted
        self._timer: asyncio.TimerHandle | None = None
        self.has_waiter = False

    def try_acquire(self, *, has_waiter: bool = False) -> bool:
        """Return whether the slot is granted now; `has_waiter` is whether a request waits."""
        self.has_waiter = self.has_waiter or has_waiter
        if self not in self._slots.granted and not self.is_waiting:
            if len(self._slots.granted) < MAX_CONCURRENT_LOADS:
                self._start()
            else:
                self._slots.waiting.append(self)
        return self in self._slots.granted

    @property
    def is_waiting(self) -> bool:
        """Whether the slot was requested and is not granted yet."""
        return self in self._slots.waiting

    def _start(self) -> None:
        """Take the slot, until the code is loaded or the timeout."""
        self._slots.granted.add(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(SLOT_TIMEOUT_SECONDS, self.release)

    def grant(self) -> None:
        """Stop waiting: another function has released its slot."""
        self._slots.waiting.remove(self)
        self._start()
        self._on_granted()

    def release(self) -> None:
        """Release the slot to the next function, or stop waiting for it."""
        self.has_waiter = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, granted = self._slots.waiting, self._slots.granted
        granted.discard(self)
        if self in waiting:
            waiting.remove(self)
        while waiting and len(granted) < MAX_CONCURRENT_LOADS:
            next((each for each in waiting if each.has_waiter), waiting[0]).grant()
