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
    """The slots of a service."""

    def __init__(self) -> None:
        self._granted: set[LoadSlot] = set()
        self._waiting: list[LoadSlot] = []

    def try_acquire(self, slot: "LoadSlot") -> bool:
        """Return whether the slot is granted now. If not, `on_granted` is called later."""
        if slot not in self._granted and slot not in self._waiting:
            self._waiting.append(slot)
            if len(self._granted) < MAX_CONCURRENT_LOADS:
                self._grant(slot)
        return slot in self._granted

    def release(self, slot: "LoadSlot") -> None:
        """Release a slot, or stop waiting for it."""
        self._granted.discard(slot)
        if slot in self._waiting:
            self._waiting.remove(slot)
        while self._waiting and len(self._granted) < MAX_CONCURRENT_LOADS:
            following = next((each for each in self._waiting if each.has_waiter), self._waiting[0])
            self._grant(following)
            following.on_granted()

    def is_waiting(self, slot: "LoadSlot") -> bool:
        """Whether the slot was requested and is not granted yet."""
        return slot in self._waiting

    def _grant(self, slot: "LoadSlot") -> None:
        self._waiting.remove(slot)
        self._granted.add(slot)
        slot.start_timer()


class LoadSlot:
    """The slot of one function."""

    def __init__(self, slots: LoadSlots, on_granted: Callable[[], None] = lambda: None) -> None:
        """`on_granted` is called when the slot is granted later than by `try_acquire`."""
        self._slots = slots
        self.on_granted = on_granted
        self.has_waiter = False
        self._timer: asyncio.TimerHandle | None = None

    def try_acquire(self, *, has_waiter: bool = False) -> bool:
        """Return whether the slot is granted now; `has_waiter` is whether a request waits."""
        self.has_waiter = self.has_waiter or has_waiter
        return self._slots.try_acquire(self)

    @property
    def is_waiting(self) -> bool:
        """Whether the slot was requested and is not granted yet."""
        return self._slots.is_waiting(self)

    def start_timer(self) -> None:
        """Release the slot after the timeout."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(SLOT_TIMEOUT_SECONDS, self.release)

    def release(self) -> None:
        """Release the slot to the next function."""
        self.has_waiter = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._slots.release(self)
