"""Which code answers."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from lambda_local.background import Background
from lambda_local.code.generation import Generation, Outcome
from lambda_local.code.source import Source
from lambda_local.invocation import Result
from lambda_local.settings.function import FunctionConfiguration
from lambda_local.telemetry.listener import Listener
from lambda_local.telemetry.report import Load


class Reload:
    """Decides which generation of the code answers, and when the next begins."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        source: Source,
        listener: Listener,
        background: Background,
        settled: Callable[[], None],
    ) -> None:
        self._source = source
        self._listener = listener
        self._background = background
        self._settled = settled
        self._renewed = asyncio.Event()
        self._frozen = False
        self.loaded = False
        self.under_way = False
        self.generation = Generation(source.sha256(), configuration, time.monotonic(), first=True)
        listener.code_changed(self.generation.code_sha256)

    def start(self) -> None:
        """Look at the code whenever the file system tells of a change."""
        self._background.run(self._watch())

    async def _watch(self) -> None:
        async for _ in self._source.changes():
            self.check()

    def stop(self) -> None:
        """Let the code be what it is."""
        self._frozen = True

    def check(self) -> None:
        """Begin a reload if the code changed."""
        if self.under_way:
            return
        now = time.monotonic()
        if self._frozen or not self._source.changed():
            self.generation.fresh_at = now
        else:
            self.under_way = True
            self._background.run(self._renew())

    async def _renew(self) -> None:
        try:
            code_sha256 = await self._source.settled()
        finally:
            self.under_way = False
        now = time.monotonic()
        if code_sha256 == self.generation.code_sha256:
            self.generation.fresh_at = now
        else:
            self.generation = Generation(code_sha256, self.generation.configuration, now)
            self._listener.code_changed(code_sha256)
            self._renewed.set()
            self._renewed = asyncio.Event()
        self._settled()

    async def await_code(self, code_sha256: str, seconds: float) -> None:
        """Return when the code has that hash, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.generation.code_sha256 != code_sha256:
                    await self._renewed.wait()

    def came_out(
        self, generation: Generation, outcome: Outcome, error: Result | None = None, place: str = ""
    ) -> None:
        """Remember how the load of the code ended; tell of it the first time."""
        if generation is not self.generation:
            return
        self.loaded = True
        first_time = generation.outcome is Outcome.UNKNOWN
        if first_time or outcome is not Outcome.FAILED:
            generation.outcome = outcome
        if first_time:
            code_sha256, first = generation.code_sha256, generation.first
            self._listener.code_loaded(Load(code_sha256, first, error, place))
