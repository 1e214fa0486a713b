"""Packages that are installed while the functions go on."""

import asyncio
import subprocess
import time
from collections.abc import Callable

from lambda_live.background import Background
from lambda_live.dependencies.packages import install
from lambda_live.dependencies.requirements import InstallError, Requirements
from lambda_live.project.function_dependencies import Needs


class Installations:
    """Runs one at a time; tells how each ended."""

    def __init__(
        self,
        background: Background,
        say: Callable[[str, str], None],
        ended: Callable[[Needs, InstallError | None], None],
    ) -> None:
        self._background = background
        self._say = say
        self._ended = ended
        self._wanted: dict[str, Needs] = {}
        self._turn = asyncio.Lock()
        self._pip: subprocess.Popen[str] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._wanted

    def want(self, needs: Needs) -> None:
        """Install what a function needs, in place of what it was to have."""
        before = self._wanted.get(needs.name)
        self._wanted[needs.name] = needs
        if before is None or before.directories != needs.directories:
            self._background.run(self._run(needs))

    def forget(self, name: str) -> None:
        """Take it that nobody waits for that function's."""
        self._wanted.pop(name, None)

    def stop(self) -> None:
        """End the one that is under way."""
        self._wanted.clear()
        if self._pip is not None and self._pip.poll() is None:
            self._pip.kill()

    async def _run(self, needs: Needs) -> None:
        error = None
        async with self._turn:
            try:
                await self._install(needs)
            except InstallError as why:
                error = why
        latest = self._wanted.get(needs.name)
        if latest is not None and latest.directories == needs.directories:
            del self._wanted[needs.name]
            self._ended(latest, error)

    async def _install(self, needs: Needs) -> None:
        for requirements in needs.missing():
            if needs.name in self._wanted:
                await self._install_one(requirements)

    async def _install_one(self, requirements: Requirements) -> None:
        loop, began = asyncio.get_running_loop(), time.monotonic()

        def say(text: str) -> None:
            loop.call_soon_threadsafe(self._say, text, "INFO")

        await asyncio.to_thread(install, requirements, say, self._remember)
        seconds = time.monotonic() - began
        self._say(f"installed {requirements.called} in {seconds:.1f} s", "INFO")

    def _remember(self, pip: subprocess.Popen[str]) -> None:
        self._pip = pip
