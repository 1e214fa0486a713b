"""The execution environments that there are."""

import asyncio
from collections.abc import Iterator

from lambda_live.environments.environment import Environment
from lambda_live.environments.lifecycle import State
from lambda_live.model.code_version import CodeVersion

_COMING = (State.SPAWNING, State.STANDBY, State.INIT)


class EnvironmentPool:
    """Holds them, and knows what each does; decides nothing."""

    def __init__(self) -> None:
        self._all: set[Environment] = set()
        self._idle: list[Environment] = []
        self._left = asyncio.Event()

    def __iter__(self) -> Iterator[Environment]:
        return iter(list(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def add(self, environment: Environment) -> None:
        """Count it from now on."""
        self._all.add(environment)

    def mark_idle(self, environment: Environment) -> None:
        """Take it that it has nothing to do."""
        self._idle.append(environment)

    def take_idle(self) -> Environment | None:
        """Return the one that was busy last, so that those that nobody needs get old."""
        return self._idle.pop() if self._idle else None

    def pop_idle_expired(self, now: float, limit: float) -> list[Environment]:
        """Return those, but one, that have been idle for longer than so many seconds."""
        old = [
            environment
            for environment in self._idle[:-1]
            if environment.lifecycle.idle_seconds(now) > limit
        ]
        self._idle = [environment for environment in self._idle if environment not in old]
        return old

    def outdated(self, generation: CodeVersion) -> list[Environment]:
        """Return those that have begun with another generation of the code; none rests."""
        outdated = [one for one in self._all if one.code_version not in (None, generation)]
        self._idle = [one for one in self._idle if one.code_version is generation]
        return outdated

    def discard(self, environment: Environment) -> None:
        """Take it that it is gone."""
        self._all.discard(environment)
        if environment in self._idle:
            self._idle.remove(environment)
        self._left.set()

    def live(self) -> list[Environment]:
        """Return those that do not end."""
        return [
            environment for environment in self._all if not environment.lifecycle.is_terminating
        ]

    def count_executing(self) -> int:
        """How many have an invocation."""
        return sum(environment.invocation is not None for environment in self._all)

    def count_starting(self, generation: CodeVersion) -> int:
        """How many will soon be ready for any invocation."""
        return sum(
            environment.invocation is None
            and environment.lifecycle.state in _COMING
            and environment.code_version in (None, generation)
            for environment in self._all
        )

    def max_memory(self) -> int:
        """Bytes of memory that the largest had in use at most."""
        return max((environment.sandbox.max_memory_bytes for environment in self.live()), default=0)

    async def wait_empty(self) -> None:
        """Return when all are gone."""
        while self._all:
            self._left.clear()
            await self._left.wait()
