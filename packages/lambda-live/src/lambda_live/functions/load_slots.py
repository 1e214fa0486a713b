"""Whose new code is loaded next, so that no init is charged for what its neighbours do."""

import asyncio
import os
from collections.abc import Callable

MAX_CONCURRENT_LOADS = max(2, os.cpu_count() or 1)
"""How many functions load new code at a time; never one alone, which may wait for a network."""

SLOT_TIMEOUT_SECONDS = 2.0
"""Seconds after which the next begins though one loads still."""


class LoadSlots:
    """Decides whose turn it is: first of those that somebody waits for."""

    def __init__(self) -> None:
        self._taken: set[LoadSlot] = set()
        self._waiting: list[LoadSlot] = []

    def try_acquire(self, turn: "LoadSlot") -> bool:
        """Return whether it has come; if not, it is told."""
        if turn not in self._taken and turn not in self._waiting:
            self._waiting.append(turn)
            if len(self._taken) < MAX_CONCURRENT_LOADS:
                self._take(turn)
        return turn in self._taken

    def release(self, turn: "LoadSlot") -> None:
        """Take it that it is over, or not wanted any more."""
        self._taken.discard(turn)
        if turn in self._waiting:
            self._waiting.remove(turn)
        while self._waiting and len(self._taken) < MAX_CONCURRENT_LOADS:
            following = next(filter(_is_awaited, self._waiting), self._waiting[0])
            self._take(following)
            following.on_granted()

    def is_waiting(self, turn: "LoadSlot") -> bool:
        """Whether it has been asked for, and has not come."""
        return turn in self._waiting

    def _take(self, turn: "LoadSlot") -> None:
        self._waiting.remove(turn)
        self._taken.add(turn)
        turn.start_timer()


class LoadSlot:
    """One function's, which ends when its code has been loaded, well or badly."""

    def __init__(self, turns: LoadSlots, come: Callable[[], None] = lambda: None) -> None:
        """`come` is called when it has come, unless that was the answer to asking for it."""
        self._turns = turns
        self.on_granted = come
        self.has_waiter = False
        self._limit: asyncio.TimerHandle | None = None

    def try_acquire(self, *, has_waiter: bool = False) -> bool:
        """Return whether it has come; a request may wait for it."""
        self.has_waiter = self.has_waiter or has_waiter
        return self._turns.try_acquire(self)

    @property
    def is_waiting(self) -> bool:
        """Whether it has been asked for, and has not come."""
        return self._turns.is_waiting(self)

    def start_timer(self) -> None:
        """Let it last no longer than it may."""
        self._limit = asyncio.get_running_loop().call_later(SLOT_TIMEOUT_SECONDS, self.release)

    def release(self) -> None:
        """Give it to the next."""
        self.has_waiter = False
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        self._turns.release(self)


def _is_awaited(turn: LoadSlot) -> bool:
    return turn.has_waiter
