"""Packages that are installed while the functions go on."""

import asyncio
import subprocess
import time
from collections.abc import Callable

from lambda_live.background import BackgroundTasks
from lambda_live.dependencies.installation import install
from lambda_live.model.requirements import InstallError, Requirements
from lambda_live.project.function_dependencies import FunctionDependencies


class PackageInstaller:
    """Runs one at a time; tells how each ended."""

    def __init__(
        self,
        background: BackgroundTasks,
        log: Callable[[str, str], None],
        on_finished: Callable[[FunctionDependencies, InstallError | None], None],
    ) -> None:
        self._background = background
        self._log = log
        self._on_finished = on_finished
        self._requested: dict[str, FunctionDependencies] = {}
        self._lock = asyncio.Lock()
        self._pip: subprocess.Popen[str] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._requested

    def request(self, needs: FunctionDependencies) -> None:
        """Install what a function needs, in place of what it was to have."""
        before = self._requested.get(needs.name)
        self._requested[needs.name] = needs
        if before is None or before.directories != needs.directories:
            self._background.spawn(self._run(needs))

    def cancel(self, name: str) -> None:
        """Take it that nobody waits for that function's."""
        self._requested.pop(name, None)

    def stop(self) -> None:
        """End the one that is under way."""
        self._requested.clear()
        if self._pip is not None and self._pip.poll() is None:
            self._pip.kill()

    async def _run(self, needs: FunctionDependencies) -> None:
        error = None
        async with self._lock:
            try:
                await self._install(needs)
            except InstallError as why:
                error = why
        latest = self._requested.get(needs.name)
        if latest is not None and latest.directories == needs.directories:
            del self._requested[needs.name]
            self._on_finished(latest, error)

    async def _install(self, needs: FunctionDependencies) -> None:
        for requirements in needs.missing():
            if needs.name in self._requested:
                await self._install_one(requirements)

    async def _install_one(self, requirements: Requirements) -> None:
        loop, began = asyncio.get_running_loop(), time.monotonic()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(self._log, text, "INFO")

        await asyncio.to_thread(install, requirements, say, self._on_started)
        seconds = time.monotonic() - began
        self._log(f"installed {requirements.label} in {seconds:.1f} s", "INFO")

    def _on_started(self, pip: subprocess.Popen[str]) -> None:
        self._pip = pip
