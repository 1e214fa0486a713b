"""Which code answers."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable

from lambda_live.background import Background
from lambda_live.code.watched_code import WatchedCode
from lambda_live.functions.self_writes import OwnWrites
from lambda_live.model.code_version import CodeVersion, Outcome
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Result
from lambda_live.model.report import CodeLoad
from lambda_live.telemetry.listener import Listener

_LATE = 1.0
"""Seconds at most between a save and the moment that it was seen; what is older is another's."""


class Reload:
    """Decides which generation of the code answers, and when the next begins."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        listener: Listener,
        background: Background,
        settled: Callable[[], None],
        held: Callable[[], bool],
    ) -> None:
        self._source = source = WatchedCode(configuration.watch, configuration.project)
        self.wanted = configuration
        self._listener = listener
        self._background = background
        self._settled = settled
        self._held = held
        self.own_writes = OwnWrites()
        self._watching: asyncio.Task[None] | None = None
        self._renewed = asyncio.Event()
        self._frozen = False
        self.loaded = False
        self.under_way = False
        self._began = time.time()
        self.generation = CodeVersion(source.sha256(), configuration, time.monotonic(), first=True)
        listener.on_code_change(self.generation.code_sha256)

    def start(self) -> None:
        """Look at the code whenever the file system tells of a change."""
        self._watching = self._background.run(self._watch())

    async def _watch(self) -> None:
        async for _ in self._source.changes():
            self.check()

    def stop(self) -> None:
        """Let the code be what it is."""
        self._frozen = True

    def configure(self, configuration: FunctionConfiguration) -> None:
        """Begin a reload with that configuration, if it is another; else if the code changed."""
        if configuration != self.wanted:
            watched, self.wanted = self.wanted.watch, configuration
            if configuration.watch != watched:
                self._watch_instead(WatchedCode(configuration.watch, configuration.project))
        self.check()

    def _watch_instead(self, source: WatchedCode) -> None:
        self._source = source
        if self._watching is not None:
            self._watching.cancel()
            self.start()

    def leave(self) -> None:
        """Take the code on disk for that which answers, until it changes again."""
        self._source.snapshot()

    def check(self) -> None:
        """Begin a reload if the code or the configuration changed."""
        if self.under_way:
            return
        if self._frozen or not self._changed() or self._held():
            self.generation.verified_at = time.monotonic()
        else:
            self.under_way = True
            self._began = time.time()
            self._background.run(self._renew())

    def _changed(self) -> bool:
        return self.wanted is not self.generation.configuration or self._source.has_changed()

    async def _renew(self) -> None:
        try:
            configuration, code_sha256 = await self._settle()
        finally:
            self.under_way = False
        now = time.monotonic()
        before = self.generation
        if (code_sha256, configuration) == (before.code_sha256, before.configuration):
            before.verified_at, before.configuration = now, configuration
        else:
            self.generation = CodeVersion(code_sha256, configuration, now)
            self._listener.on_code_change(code_sha256)
            self._renew_waiters()
        self._settled()

    def _renew_waiters(self) -> None:
        self._renewed.set()
        self._renewed = asyncio.Event()

    async def _settle(self) -> tuple[FunctionConfiguration, str]:
        while True:
            wanted, source = self.wanted, self._source
            code_sha256 = await source.wait_until_quiet()
            if own := self.own_writes.among(source.changed_files):
                code_sha256 = self._disregard(source, own)
            if wanted is self.wanted:
                return wanted, code_sha256

    def _disregard(self, source: WatchedCode, paths: list[str]) -> str:
        source.ignore(paths)
        names = ", ".join(os.path.relpath(path, self.wanted.project) for path in paths)
        message = (
            f"the function itself writes {names}: that reloads it no more; on AWS only /tmp can be"
            " written"
        )
        self._listener.service_log(message, "WARN")
        return source.sha256()

    async def await_code(self, code_sha256: str, seconds: float) -> None:
        """Return when the code has that hash, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.generation.code_sha256 != code_sha256:
                    await self._renewed.wait()

    async def await_load(self, code_sha256: str, seconds: float) -> None:
        """Return when code of that hash was loaded, well or badly, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.generation.code_sha256 != code_sha256 or self.generation.load is None:
                    await self._renewed.wait()

    def came_out(
        self,
        generation: CodeVersion,
        outcome: Outcome,
        error: Result | None = None,
        place: str = "",
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
            generation.load = CodeLoad(code_sha256, first, error, place, self._took())
            self._listener.on_code_load(generation.load)
            self._renew_waiters()

    def _took(self) -> float:
        """Milliseconds since the save, which the file system told of a moment later."""
        saved = self._source.last_saved_at()
        began = saved if self._began - _LATE < saved < self._began else self._began
        return (time.time() - began) * 1000
