"""The invocations that were taken in and have no result yet."""

import asyncio

from lambda_live.model.invocation import Invocation, Result


class InFlight:
    """Waits for results, of one or of all."""

    def __init__(self) -> None:
        self._results: set[asyncio.Future[Result]] = set()

    async def wait_for(self, invocation: Invocation) -> Result:
        """Return what comes of it."""
        self._results.add(invocation.result)
        try:
            return await invocation.result
        finally:
            self._results.discard(invocation.result)

    async def drain(self, seconds: float) -> None:
        """Return when all have one, or after so many seconds."""
        if self._results:
            await asyncio.wait(self._results, timeout=seconds)
