"""Whose new code is loaded next, so that no init is charged for what its neighbours do."""

import asyncio
import os
from collections.abc import Callable

MOST = max(2, os.cpu_count() or 1)
"""How many functions load new code at a time; never one alone, which may wait for a network."""

LONGEST = 2.0
"""Seconds after which the next begins though one loads still."""


class Turns:
    """Decides whose turn it is: first of those that somebody waits for."""

    def __init__(self) -> None:
        self._taken: set[Turn] = set()
        self._waiting: list[Turn] = []

    def ask(self, turn: "Turn") -> bool:
        """Return whether it has come; if not, it is told."""
        if turn not in self._taken and turn not in self._waiting:
            self._waiting.append(turn)
            if len(self._taken) < MOST:
                self._take(turn)
        return turn in self._taken

    def leave(self, turn: "Turn") -> None:
        """Take it that it is over, or not wanted any more."""
        self._taken.discard(turn)
        if turn in self._waiting:
            self._waiting.remove(turn)
        while self._waiting and len(self._taken) < MOST:
            following = next(filter(_is_awaited, self._waiting), self._waiting[0])
            self._take(following)
            following.come()

    def waits(self, turn: "Turn") -> bool:
        """Whether it has been asked for, and has not come."""
        return turn in self._waiting

    def _take(self, turn: "Turn") -> None:
        self._waiting.remove(turn)
        self._taken.add(turn)
        turn.begin()


class Turn:
    """One function's, which ends when its code has been loaded, well or badly."""

    def __init__(self, turns: Turns, come: Callable[[], None] = lambda: None) -> None:
        """`come` is called when it has come, unless that was the answer to asking for it."""
        self._turns = turns
        self.come = come
        self.awaited = False
        self._limit: asyncio.TimerHandle | None = None

    def ask(self, *, awaited: bool = False) -> bool:
        """Return whether it has come; a request may wait for it."""
        self.awaited = self.awaited or awaited
        return self._turns.ask(self)

    @property
    def waits(self) -> bool:
        """Whether it has been asked for, and has not come."""
        return self._turns.waits(self)

    def begin(self) -> None:
        """Let it last no longer than it may."""
        self._limit = asyncio.get_running_loop().call_later(LONGEST, self.end)

    def end(self) -> None:
        """Give it to the next."""
        self.awaited = False
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
        self._turns.leave(self)


def _is_awaited(turn: Turn) -> bool:
    return turn.awaited
