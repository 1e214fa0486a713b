"""What each function needs besides its code, and its installation while functions run."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lambda_live.background import BackgroundTasks
from lambda_live.dependencies.installation import install, install_dir
from lambda_live.dependencies.interpreters import find_interpreter, runtime_requirements
from lambda_live.dependencies.requirements import collect_requirements, requirement_files
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from lambda_live.model.requirements import InstallError, Requirements


@dataclass(frozen=True, slots=True)
class FunctionDependencies:
    """
    A function's configuration, and the Python and the packages that it needs.

    `runtime` is what AWS's runtime brings, if another Python than the service's runs the function.
    """

    configuration: FunctionConfiguration
    python: Interpreter = SERVICE_INTERPRETER
    runtime: Requirements | None = None
    own: tuple[Requirements, ...] = ()

    @property
    def _all(self) -> tuple[Requirements, ...]:
        return (*((self.runtime,) if self.runtime else ()), *self.own)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.configuration.name

    @property
    def directories(self) -> tuple[Path, ...]:
        """The directories of its packages, installed or not."""
        return tuple(map(install_dir, self._all))

    def missing(self) -> list[Requirements]:
        """Return what must be installed first."""
        return [each for each in self._all if not install_dir(each).is_dir()]

    def resolved_configuration(self) -> FunctionConfiguration:
        """Return the function's configuration with its Python and packages."""
        return replace(
            self.configuration,
            interpreter=self.python,
            runtime_packages=install_dir(self.runtime) if self.runtime else None,
            package_dirs=(*map(install_dir, self.own), *self.configuration.package_dirs),
        )

    def files(self) -> Iterator[Path]:
        """Return the files that can declare its requirements, existing or not."""
        yield from requirement_files(self.configuration.task_root, self.configuration.project)
        for source in self.configuration.layer_sources:
            yield source / "requirements.txt"
        for each in self.own:
            yield from each.files


def find_dependencies(configuration: FunctionConfiguration) -> FunctionDependencies:
    """
    Return what a function needs.

    Raises:
        InstallError: Its requirements cannot be read.
    """
    python = find_interpreter(configuration.runtime) or SERVICE_INTERPRETER
    own = collect_requirements(
        configuration.task_root,
        configuration.project,
        configuration.layer_sources,
        configuration.image,
        configuration.public_layer_requirements,
    )
    return FunctionDependencies(
        configuration,
        python,
        runtime_requirements(python),
        tuple(replace(each, python=python) for each in own),
    )


class PackageInstaller:
    """Installs packages in the background, for one function at a time."""

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

    def request(self, dependencies: FunctionDependencies) -> None:
        """Install what a function needs. A new request replaces the function's previous one."""
        before = self._requested.get(dependencies.name)
        self._requested[dependencies.name] = dependencies
        if before is None or before.directories != dependencies.directories:
            self._background.spawn(self._run(dependencies))

    def cancel(self, name: str) -> None:
        """Drop the request of a function."""
        self._requested.pop(name, None)

    def stop(self) -> None:
        """Drop all requests, and kill the running pip."""
        self._requested.clear()
        if self._pip is not None and self._pip.poll() is None:
            self._pip.kill()

    async def _run(self, dependencies: FunctionDependencies) -> None:
        result = None
        async with self._lock:
            try:
                await self._install(dependencies)
            except InstallError as error:
                result = error
        latest = self._requested.get(dependencies.name)
        if latest is not None and latest.directories == dependencies.directories:
            del self._requested[dependencies.name]
            self._on_finished(latest, result)

    async def _install(self, dependencies: FunctionDependencies) -> None:
        for requirements in dependencies.missing():
            if dependencies.name in self._requested:
                await self._install_one(requirements)

    async def _install_one(self, requirements: Requirements) -> None:
        loop, start = asyncio.get_running_loop(), time.monotonic()

        def log(text: str) -> None:
            loop.call_soon_threadsafe(self._log, text, "INFO")

        await asyncio.to_thread(install, requirements, log, self._on_started)
        self._log(f"installed {requirements.label} in {time.monotonic() - start:.1f} s", "INFO")

    def _on_started(self, pip: subprocess.Popen[str]) -> None:
        self._pip = pip
