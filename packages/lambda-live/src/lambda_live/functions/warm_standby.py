"""The process that waits for work, so that a cold start costs the handler's own import alone."""

import asyncio
from collections.abc import Callable

from lambda_live.background import BackgroundTasks
from lambda_live.environments.environment import Environment
from lambda_live.environments.lifecycle import State
from lambda_live.model.function import FunctionConfiguration


class WarmStandby:
    """Decides when another process is prepared; there is one at most."""

    def __init__(self, make: Callable[[str], Environment], background: BackgroundTasks) -> None:
        """`make` is told what the process is to import ahead."""
        self._make = make
        self._background = background
        self._environment: Environment | None = None
        self._left = asyncio.Event()
        self.preload = ""
        self._closed = False

    def take(self, configuration: FunctionConfiguration) -> Environment | None:
        """
        Return it, if it is there, made for that configuration.

        It can begin at once, or it imports ahead still: it would not be sooner without.
        """
        environment = self._environment
        if environment is None or not self._is_good(environment):
            return None
        self._environment = None
        if environment.configuration == configuration:
            return environment
        environment.shutdown()
        return None

    @staticmethod
    def _is_good(environment: Environment) -> bool:
        begins_soon = environment.lifecycle.state is State.SPAWNING and environment.has_preload
        return begins_soon or environment.lifecycle.state is State.STANDBY

    def prepare(self) -> None:
        """Have one on its way, if there is none."""
        if self._environment is None:
            self._environment = self._make(self.preload)
            self._background.spawn(self._spawn(self._environment))

    def memory(self) -> int:
        """Bytes of memory that it has in use now."""
        return 0 if self._environment is None else self._environment.sandbox.measure_resident()

    def sweep(self, now: float) -> None:
        """Have it look at its limits."""
        if self._environment is not None:
            self._environment.enforce_limits(now)

    async def _spawn(self, environment: Environment) -> None:
        try:
            await environment.spawn()
        except OSError:
            environment.fail_start(None)  # it was a preparation; who needs one will be told

    def discard(self, environment: Environment) -> None:
        """Take it that this one is gone."""
        if environment is self._environment:
            self._environment = None
            self._left.set()
            if self.preload and not self._closed:
                self.preload = ""  # it has ended of what it imported
                self.prepare()
        elif environment.has_preload and environment.code_version is None:
            self.preload = ""

    def shutdown(self) -> None:
        """End it, and have none any more."""
        self._closed = True
        if self._environment is not None:
            self._environment.shutdown()

    async def wait_empty(self) -> None:
        """Return when it is gone."""
        while self._environment is not None:
            self._left.clear()
            await self._left.wait()
