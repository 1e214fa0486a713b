"""The process that waits for work, so that a cold start costs the handler's own import alone."""

import asyncio
from collections.abc import Callable

from lambda_local.background import Background
from lambda_local.environment.environment import Environment
from lambda_local.environment.life import State
from lambda_local.settings.function import FunctionConfiguration


class Standby:
    """Decides when another process is prepared; there is one at most."""

    def __init__(self, make: Callable[[], Environment], background: Background) -> None:
        self._make = make
        self._background = background
        self._environment: Environment | None = None
        self._left = asyncio.Event()

    def take(self, configuration: FunctionConfiguration) -> Environment | None:
        """Return it, if it is there, made for that configuration, and could begin at once."""
        environment = self._environment
        if environment is None or environment.life.state is not State.STANDBY:
            return None
        self._environment = None
        if environment.configuration == configuration:
            return environment
        environment.shutdown()
        return None

    def prepare(self) -> None:
        """Have one on its way, if there is none."""
        if self._environment is None:
            self._environment = self._make()
            self._background.run(self._spawn(self._environment))

    async def _spawn(self, environment: Environment) -> None:
        try:
            await environment.spawn()
        except OSError:
            environment.not_started(None)  # it was a preparation; who needs one will be told
        except asyncio.CancelledError:
            environment.not_started(None)
            raise

    def forget(self, environment: Environment) -> None:
        """Take it that this one is gone."""
        if environment is self._environment:
            self._environment = None
            self._left.set()

    def shutdown(self) -> None:
        """End it."""
        if self._environment is not None:
            self._environment.shutdown()

    async def empty(self) -> None:
        """Return when it is gone."""
        while self._environment is not None:
            self._left.clear()
            await self._left.wait()
