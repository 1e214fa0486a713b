"""Which code answers."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable

from lambda_live.background import BackgroundTasks
from lambda_live.code.watched_code import WatchedCode
from lambda_live.functions.self_writes import SelfWriteDetector
from lambda_live.model.code_version import CodeLoad, CodeVersion, LoadOutcome
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Result
from lambda_live.telemetry.listener import Listener

_MAX_NOTIFICATION_DELAY_SECONDS = 1.0
"""Seconds at most between a save and the moment that it was seen; what is older is another's."""


class CodeReloader:
    """Decides which generation of the code answers, and when the next begins."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        listener: Listener,
        background: BackgroundTasks,
        on_settled: Callable[[], None],
        is_blocked: Callable[[], bool],
    ) -> None:
        self._source = source = WatchedCode(configuration.watched_paths, configuration.project)
        self.desired_configuration = configuration
        self._listener = listener
        self._background = background
        self._on_settled = on_settled
        self._is_blocked = is_blocked
        self.self_writes = SelfWriteDetector()
        self._watching: asyncio.Task[None] | None = None
        self._changed_event = asyncio.Event()
        self._is_stopped = False
        self.is_loaded = False
        self.in_progress = False
        self._reload_started_at = time.time()
        self.code_version = CodeVersion(
            source.sha256(), configuration, time.monotonic(), is_initial=True
        )
        listener.on_code_change(self.code_version.code_sha256)

    def start(self) -> None:
        """Look at the code whenever the file system tells of a change."""
        self._watching = self._background.spawn(self._watch())

    async def _watch(self) -> None:
        async for _ in self._source.changes():
            self.check_for_changes()

    def stop(self) -> None:
        """Let the code be what it is."""
        self._is_stopped = True

    def configure(self, configuration: FunctionConfiguration) -> None:
        """Begin a reload with that configuration, if it is another; else if the code changed."""
        if configuration != self.desired_configuration:
            watched, self.desired_configuration = (
                self.desired_configuration.watched_paths,
                configuration,
            )
            if configuration.watched_paths != watched:
                self._watch_source(WatchedCode(configuration.watched_paths, configuration.project))
        self.check_for_changes()

    def _watch_source(self, source: WatchedCode) -> None:
        self._source = source
        if self._watching is not None:
            self._watching.cancel()
            self.start()

    def accept_code_on_disk(self) -> None:
        """Take the code on disk for that which answers, until it changes again."""
        self._source.snapshot()

    def check_for_changes(self) -> None:
        """Begin a reload if the code or the configuration changed."""
        if self.in_progress:
            return
        if self._is_stopped or not self._changed() or self._is_blocked():
            self.code_version.verified_at = time.monotonic()
        else:
            self.in_progress = True
            self._reload_started_at = time.time()
            self._background.spawn(self._reload())

    def _changed(self) -> bool:
        return (
            self.desired_configuration is not self.code_version.configuration
            or self._source.has_changed()
        )

    async def _reload(self) -> None:
        try:
            configuration, code_sha256 = await self._wait_until_settled()
        finally:
            self.in_progress = False
        now = time.monotonic()
        before = self.code_version
        if (code_sha256, configuration) == (before.code_sha256, before.configuration):
            before.verified_at, before.configuration = now, configuration
        else:
            self.code_version = CodeVersion(code_sha256, configuration, now)
            self._listener.on_code_change(code_sha256)
            self._notify_waiters()
        self._on_settled()

    def _notify_waiters(self) -> None:
        self._changed_event.set()
        self._changed_event = asyncio.Event()

    async def _wait_until_settled(self) -> tuple[FunctionConfiguration, str]:
        while True:
            wanted, source = self.desired_configuration, self._source
            code_sha256 = await source.wait_until_quiet()
            if own := self.self_writes.written_by_function(source.changed_files):
                code_sha256 = self._ignore(source, own)
            if wanted is self.desired_configuration:
                return wanted, code_sha256

    def _ignore(self, source: WatchedCode, paths: list[str]) -> str:
        source.ignore(paths)
        names = ", ".join(
            os.path.relpath(path, self.desired_configuration.project) for path in paths
        )
        message = (
            f"the function itself writes {names}: that reloads it no more; on AWS only /tmp can be"
            " written"
        )
        self._listener.service_log(message, "WARN")
        return source.sha256()

    async def wait_for_code(self, code_sha256: str, seconds: float) -> None:
        """Return when the code has that hash, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.code_version.code_sha256 != code_sha256:
                    await self._changed_event.wait()

    async def wait_for_load(self, code_sha256: str, seconds: float) -> None:
        """Return when code of that hash was loaded, well or badly, or after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (
                    self.code_version.code_sha256 != code_sha256 or self.code_version.load is None
                ):
                    await self._changed_event.wait()

    def record_load(
        self,
        generation: CodeVersion,
        outcome: LoadOutcome,
        error: Result | None = None,
        place: str = "",
    ) -> None:
        """Remember how the load of the code ended; tell of it the first time."""
        if generation is not self.code_version:
            return
        self.is_loaded = True
        first_time = generation.outcome is LoadOutcome.UNKNOWN
        if first_time or outcome is not LoadOutcome.FAILED:
            generation.outcome = outcome
        if first_time:
            code_sha256, first = generation.code_sha256, generation.is_initial
            generation.load = CodeLoad(code_sha256, first, error, place, self._elapsed_ms())
            self._listener.on_code_load(generation.load)
            self._notify_waiters()

    def _elapsed_ms(self) -> float:
        """Milliseconds since the save, which the file system told of a moment later."""
        saved = self._source.last_saved_at()
        began = (
            saved
            if self._reload_started_at - _MAX_NOTIFICATION_DELAY_SECONDS
            < saved
            < self._reload_started_at
            else self._reload_started_at
        )
        return (time.time() - began) * 1000
