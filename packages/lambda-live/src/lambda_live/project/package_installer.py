"""Install the packages of functions while they run."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from lambda_live.background import BackgroundTasks
from lambda_live.dependencies.installation import Installation
from lambda_live.model.requirements import InstallError, Requirements
from lambda_live.project.function_dependencies import FunctionDependencies


@dataclass(slots=True, eq=False)
class _Request:
    dependencies: FunctionDependencies
    installation: Installation | None = None
    is_dropped: bool = False

    def drop(self) -> None:
        """Stop the installation, or do not start it."""
        self.is_dropped = True
        if self.installation is not None:
            self.installation.stop()


class PackageInstaller:
    """
    Installs packages in the background, for one function at a time.

    The newest request of a function wins: an installation for an older one is stopped.
    """

    def __init__(
        self,
        background: BackgroundTasks,
        log: Callable[[str, str], None],
        on_finished: Callable[[FunctionDependencies, InstallError | None], None],
    ) -> None:
        self._background = background
        self._log = log
        self._on_finished = on_finished
        self._requests: dict[str, _Request] = {}
        self._lock = asyncio.Lock()

    def __contains__(self, name: str) -> bool:
        return name in self._requests

    def request(self, dependencies: FunctionDependencies) -> None:
        """Install what a function needs. A new request replaces the function's previous one."""
        name = dependencies.name
        current = self._requests.get(name)
        if current is not None and current.dependencies.directories == dependencies.directories:
            current.dependencies = dependencies
            return
        self.cancel(name)
        self._requests[name] = request = _Request(dependencies)
        self._background.spawn(self._run(request))

    def cancel(self, name: str) -> None:
        """Drop the request of a function."""
        if (request := self._requests.pop(name, None)) is not None:
            request.drop()

    def stop(self) -> None:
        """Drop all requests."""
        for name in list(self._requests):
            self.cancel(name)

    async def _run(self, request: _Request) -> None:
        result = None
        async with self._lock:
            try:
                await self._install(request)
            except InstallError as error:
                result = error
            except Exception as error:  # noqa: BLE001  # else the function would wait without end
                name = request.dependencies.name
                result = InstallError(f"the packages of {name} can't be installed: {error!r}")
        if not request.is_dropped:
            del self._requests[request.dependencies.name]
            self._on_finished(request.dependencies, result)

    async def _install(self, request: _Request) -> None:
        for requirements in request.dependencies.missing():
            if not request.is_dropped:
                await self._install_one(request, requirements)

    async def _install_one(self, request: _Request, requirements: Requirements) -> None:
        loop, start = asyncio.get_running_loop(), time.monotonic()

        def log(text: str) -> None:
            loop.call_soon_threadsafe(self._log, text, "INFO")

        request.installation = Installation(requirements, log)
        await asyncio.to_thread(request.installation.run)
        self._log(f"installed {requirements.label} in {time.monotonic() - start:.1f} s", "INFO")


async def refresh(requirements: Requirements, log: Callable[[str, str], None]) -> bool:
    """Install the newest packages for requirements without exact versions, if that is possible."""
    installation = Installation(requirements, lambda _: None, again=True)
    try:
        await asyncio.to_thread(installation.run)
    except InstallError:
        log(f"{requirements.label} was installed more than a week ago; no update now", "INFO")
        return False
    except asyncio.CancelledError:
        installation.stop()
        raise
    log(f"{requirements.label}: installed the newest versions", "INFO")
    return True
