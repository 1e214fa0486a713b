"""
Live reload: which version of the code answers requests.

Two things detect a save: a notification of the file system, and each request, which compares the
files' times and sizes. Both call `check_for_changes`. A change starts a reload: it waits until the
files are quiet, because editors and git write many files one after the other, then creates a
`CodeVersion`. The dispatcher replaces the environments.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from lambda_live.background import BackgroundTasks
from lambda_live.code.watched_code import WatchedCode
from lambda_live.functions.self_writes import SelfWriteDetector
from lambda_live.model.code_version import CodeLoad, CodeVersion, LoadOutcome
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Result
from lambda_live.telemetry.listener import Listener

_MAX_NOTIFICATION_DELAY_SECONDS = 1.0
"""The longest time from a save to its notification; an older save is not this reload's."""


@dataclass(frozen=True, slots=True)
class ReloadHooks:
    """
    What the reloads of functions depend on. Both callables get a function's name.

    While `is_blocked`, code changes are not applied. `on_saved` gets the time of the last save
    after each reload, in seconds since the epoch.
    """

    is_blocked: Callable[[str], bool]
    on_saved: Callable[[str, float], None]


class CodeReloader:
    """Owner of the current code version and of the configuration that it should run with."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        listener: Listener,
        background: BackgroundTasks,
        on_settled: Callable[[Exception | None], None],
        hooks: ReloadHooks,
    ) -> None:
        """`on_settled` is called after each reload, with the error if it failed."""
        self._source = _source_of(configuration)
        self.desired_configuration = configuration
        """The configuration of the next code version; `configure` changes it."""
        self._listener = listener
        self._background = background
        self._on_settled = on_settled
        self._hooks = hooks
        self.self_writes = SelfWriteDetector()
        self._watch_task: asyncio.Task[None] | None = None
        self._changed_event = asyncio.Event()
        self._is_stopped = False
        self.is_loaded = False
        self.in_progress = True  # until the first hash is known
        self._is_comparing = self._must_compare_again = False
        self._reload_started_at = time.time()
        self.code_version = CodeVersion("", configuration, time.monotonic(), is_initial=True)

    @property
    def ignored_files(self) -> list[str]:
        """The code files that the function writes itself, relative to the project."""
        project = self.desired_configuration.project.absolute()
        return sorted(os.path.relpath(path, project) for path in self._source.ignored_files)

    @property
    def code_size(self) -> int:
        """The size of the function's code files in bytes, without layers."""
        return self._source.size(self.desired_configuration.task_root)

    def start(self) -> None:
        """Read the code in the background, and watch it."""
        self._background.spawn(self._read(), self._on_settled)
        self._start_watching()

    def _start_watching(self) -> None:
        self._watch_task = self._background.spawn(self._watch())

    async def _read(self) -> None:
        """Complete the first code version."""
        try:
            while True:
                desired, source = self.desired_configuration, self._source
                code_sha256 = await source.read()
                if desired is self.desired_configuration:
                    break
        finally:
            self.in_progress = False
        version = self.code_version
        version.code_sha256, version.configuration = code_sha256, desired
        version.verified_at = time.monotonic()
        self._listener.on_code_change(code_sha256)
        self._notify_waiters()
        self._on_settled(None)

    async def _watch(self) -> None:
        async for _ in self._source.changes():
            self.check_for_changes()

    def stop(self) -> None:
        """Ignore later changes."""
        self._is_stopped = True

    def configure(self, configuration: FunctionConfiguration) -> None:
        """Reload with this configuration if it is a new one, or if the code changed."""
        if configuration != self.desired_configuration:
            previous, self.desired_configuration = self.desired_configuration, configuration
            if configuration.watched_paths != previous.watched_paths:
                self._source = _source_of(configuration)
                if self._watch_task is not None:
                    self._watch_task.cancel()
                    self._start_watching()
        self.check_for_changes()

    def check_for_changes(self) -> None:
        """Start a reload if the code or the configuration changed."""
        if self.in_progress:
            self._must_compare_again = True
        elif self._is_stopped:
            self.code_version.verified_at = time.monotonic()
        elif self._is_reconfigured or not self._source.must_compare_all:
            has_changed = self._is_reconfigured or self._source.has_changed()
            self._start_reload(time.monotonic(), has_changed=has_changed)
        else:
            self.in_progress = self._is_comparing = True
            self._background.spawn(self._compare_all(), self._on_settled)

    async def _compare_all(self) -> None:
        """Compare all files in a thread, again if a request arrived meanwhile."""
        started_at, self._must_compare_again = time.monotonic(), False
        try:
            has_changed = await self._source.compare_all()
        finally:
            self.in_progress = self._is_comparing = False
        self._start_reload(started_at, has_changed=has_changed or self._is_reconfigured)
        self._on_settled(None)
        if self._must_compare_again:
            self.check_for_changes()

    def _start_reload(self, verified_at: float, *, has_changed: bool) -> None:
        name = self.desired_configuration.name
        if not has_changed or self._hooks.is_blocked(name):
            self.code_version.verified_at = verified_at
            return
        self.in_progress = True
        self._reload_started_at = time.time()
        self._background.spawn(self._reload(), self._on_settled)

    @property
    def is_reloading(self) -> bool:
        """Whether the code has changed, and its new version is not complete."""
        return self.in_progress and not self._is_comparing

    @property
    def _is_reconfigured(self) -> bool:
        return self.desired_configuration is not self.code_version.configuration

    async def _reload(self) -> None:
        try:
            configuration, code_sha256 = await self._wait_until_settled()
        finally:
            self.in_progress = False
        now = time.monotonic()
        current = self.code_version
        if (code_sha256, configuration) == (current.code_sha256, current.configuration):
            current.verified_at, current.configuration = now, configuration
        else:
            self.code_version = CodeVersion(code_sha256, configuration, now)
            self._listener.on_code_change(code_sha256)
            self._notify_waiters()
        self._hooks.on_saved(configuration.name, self._source.last_saved_at())
        self._on_settled(None)

    def _notify_waiters(self) -> None:
        self._changed_event.set()
        self._changed_event = asyncio.Event()

    async def _wait_until_settled(self) -> tuple[FunctionConfiguration, str]:
        while True:
            desired, source = self.desired_configuration, self._source
            code_sha256 = await source.wait_until_quiet()
            if paths := self.self_writes.written_by_function(source.changed_files):
                self._warn_of_ignored(paths)
                code_sha256 = await source.ignore(paths)
            if desired is self.desired_configuration:
                return desired, code_sha256

    def _warn_of_ignored(self, paths: list[str]) -> None:
        project = self.desired_configuration.project
        names = ", ".join(os.path.relpath(path, project) for path in paths)
        verb = "is" if len(paths) == 1 else "are"
        message = (
            f"{names} {verb} written by the function itself and now ignored by live reload"
            " (on AWS only /tmp is writable)"
        )
        self._listener.service_log(message, "WARN")

    async def wait_for_code(
        self, code_sha256: str, timeout_seconds: float, *, loads: bool = False
    ) -> None:
        """
        Return when the current code has that hash, or at the timeout.

        With `loads`, return when that code is loaded or fails to load.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self.code_version.code_sha256 != code_sha256 or (
                    loads and self.code_version.load is None
                ):
                    await self._changed_event.wait()

    def record_load(
        self,
        code_version: CodeVersion,
        outcome: LoadOutcome,
        error: Result | None = None,
        location: str = "",
    ) -> None:
        """Store the outcome of a load; notify the listeners of the first one of each version."""
        if code_version is not self.code_version:
            return
        self.is_loaded = True
        is_first = code_version.outcome is LoadOutcome.UNKNOWN
        if is_first or outcome is not LoadOutcome.FAILED:
            code_version.outcome = outcome
        if is_first:
            code_version.load = CodeLoad(
                code_version.code_sha256,
                code_version.is_initial,
                error,
                location,
                self._elapsed_ms(),
            )
            self._listener.on_code_load(code_version.load)
            self._notify_waiters()

    def _elapsed_ms(self) -> float:
        """Return the time since the save; the notification came a little later."""
        saved_at, started_at = self._source.last_saved_at(), self._reload_started_at
        is_this_save = started_at - _MAX_NOTIFICATION_DELAY_SECONDS < saved_at < started_at
        return round((time.time() - (saved_at if is_this_save else started_at)) * 1000, 3)


def _source_of(configuration: FunctionConfiguration) -> WatchedCode:
    return WatchedCode(configuration.watched_paths, configuration.project)
