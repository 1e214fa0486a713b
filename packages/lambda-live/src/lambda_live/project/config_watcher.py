"""Apply changes of the template, `.env` and requirements to the running functions."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from lambda_live.background import BackgroundTasks, read_in_thread
from lambda_live.code.watched_files import WatchedFiles
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.requirements import InstallError, PackageState
from lambda_live.model.template_error import TemplateError, short_path
from lambda_live.project.config import Config
from lambda_live.project.function_dependencies import FunctionDependencies, find_dependencies
from lambda_live.project.notices import describe_invalid
from lambda_live.project.package_installer import PackageInstaller, refresh

_CLOCK_TICK_SECONDS = 0.01
"""How much a file's time may lag behind the clock."""


class FunctionManagerProtocol(Protocol):
    """The methods of the function manager that the watcher calls."""

    def apply(self, configurations: Sequence[FunctionConfiguration]) -> None:
        """Add functions, and change the configuration of those that exist."""

    def remove_all_except(self, names: Iterable[str]) -> None:
        """Remove all other functions."""

    def set_package_state(self, name: str, state: PackageState) -> None:
        """Report whether a function has the packages that it requires."""

    def check_for_changes(self) -> None:
        """Have each function check its code for changes."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """Packages that could not be installed, and when, in seconds since the epoch."""

    dependencies: FunctionDependencies
    error: InstallError
    failed_at: float = field(default_factory=time.time)


class ConfigWatcher:
    """
    Reads the configuration again after each save, and applies it.

    An invalid file is logged. The functions then keep their last valid configuration.
    """

    def __init__(
        self,
        config: Config,
        functions: FunctionManagerProtocol,
        log: Callable[[str, str], None],
        on_accepted: Callable[[Config], None],
    ) -> None:
        """`on_accepted` receives each changed configuration that is valid."""
        self._on_accepted = on_accepted
        self._config = config
        self._functions = functions
        self._log = log
        self._had_error = False
        self._background = BackgroundTasks(log)
        self._installer = PackageInstaller(self._background, log, self._on_installed)
        self._installed: dict[str, FunctionDependencies] = {}
        self._failed: dict[str, _Failure] = {}
        self._files = WatchedFiles(config.files)
        self._watched_files = config.files
        self._reload_task: asyncio.Task[None] | None = None
        self._watch_task: asyncio.Task[None] | None = None
        self._is_stopped = False

    @property
    def config(self) -> Config:
        """The configuration that is served."""
        return self._config

    def start(self) -> None:
        """Apply the configuration, and watch its files."""
        self._apply(self._config.functions, waits_for_packages=False)
        self._start_watch()
        self._background.spawn(self._refresh_packages())

    async def _refresh_packages(self) -> None:
        stale = [each for dependencies in self._installed.values() for each in dependencies.stale()]
        results = [await refresh(each, self._log) for each in dict.fromkeys(stale)]
        if any(results):
            self._apply(self._config.functions)

    def _start_watch(self) -> None:
        self._watch_task = self._background.spawn(self._watch())

    def stop(self) -> None:
        """Ignore further changes, and kill a running installation."""
        self._is_stopped = True
        self._background.cancel()
        self._installer.stop()

    def blocks_reload(self, name: str) -> bool:
        """Return whether a function must keep its code, because its packages may change first."""
        return self._start_reload(has_changed=self._files.has_changed()) is not None or (
            name in self._installer and name not in self._failed
        )

    def on_saved(self, name: str, saved_at: float) -> None:
        """Try again to install a function's packages if its code was saved after they failed."""
        failed = self._failed.get(name)
        if failed is None or self._is_stopped or saved_at + _CLOCK_TICK_SECONDS < failed.failed_at:
            return
        if failed.dependencies.missing():
            self._installer.request(failed.dependencies)

    async def wait_current(self) -> None:
        """Wait until the configuration on disk is applied, except for packages to install."""
        has_changed = not self._is_stopped and await self._files.has_changed_now()
        if (reload_task := self._start_reload(has_changed=has_changed)) is not None:
            await asyncio.wait([reload_task])

    def _start_reload(self, *, has_changed: bool) -> asyncio.Task[None] | None:
        if self._reload_task is None and not self._is_stopped and has_changed:
            self._reload_task = self._background.spawn(self._reload())
        return self._reload_task

    def read_again(self) -> None:
        """Read the files again, because values that they refer to have changed."""
        self._background.spawn(self._read())

    async def _watch(self) -> None:
        async for _ in self._files.changes():
            self._start_reload(has_changed=True)

    async def _reload(self) -> None:
        try:
            while await self._files.has_changed_now():
                await self._files.wait_until_quiet()
                await self._read()
        finally:
            self._reload_task = None
        self._functions.check_for_changes()

    async def _read(self) -> None:
        result = await read_in_thread(self._load)
        while new := set(result.files).difference(self._watched_files):
            # a new file may have been saved after it was read, while nothing watched it
            self._set_watched(*self._watched_files, *new)
            result = await read_in_thread(self._load)
        template = self._config.template
        if isinstance(result, TemplateError):
            if template is not None and not template.exists():
                # the error of another file in the folder would be misleading
                hint = "restore it, or restart without it"
                result = TemplateError(template, None, "the template was deleted", hint)
            self._reject(result)
        else:
            self._accept(result)

    def _load(self) -> Config | TemplateError:
        try:
            return self._config.reload()
        except TemplateError as error:
            return error

    def _accept(self, config: Config) -> None:
        if (stack := self._newly_invalid_stack(config)) is not None:
            self._reject(stack)
            return
        had_error, config = self._had_error, self._keep_invalid_functions(config)
        if had_error or config.template != self._config.template:
            self._log(_describe_change(config.template), "INFO")
        for notice in config.notices:
            if notice not in self._config.notices:
                self._log(notice, "WARN")
        self._config = config
        self._on_accepted(config)
        self._apply(config.functions)

    def _reject(self, error: TemplateError) -> None:
        self._log(f"{_sentence(error)} Keeping the last valid template.", "ERROR")
        self._had_error = True

    def _newly_invalid_stack(self, config: Config) -> TemplateError | None:
        """Return the error of a nested stack whose functions would disappear."""
        known = {each.logical_id for each in self._config.invalid}
        invalid = (each for each in config.invalid if each.logical_id not in known)
        return next((each.error for each in invalid if each.served_name is None), None)

    def _keep_invalid_functions(self, config: Config) -> Config:
        """Return the configuration with the last valid one of each function that is invalid."""
        known = {str(each.error) for each in self._config.invalid}
        served = {each.name: each for each in self._config.functions}
        kept: list[FunctionConfiguration] = []
        for each in config.invalid:
            function = served.get(each.served_name or "")
            if function is not None:
                kept.append(function)
            if str(each.error) in known:
                continue
            if function is not None:
                kept_text = f"{function.name} keeps its last valid configuration."
                self._log(f"{_sentence(each.error)} {kept_text}", "ERROR")
            else:
                self._log(describe_invalid(each), "WARN")
        self._had_error = bool(kept)
        return replace(config, functions=(*config.functions, *kept))

    def _apply(
        self, functions: Sequence[FunctionConfiguration], *, waits_for_packages: bool = True
    ) -> None:
        """
        Apply a configuration.

        A function whose packages are missing gets it after their installation, or now if not
        `waits_for_packages`.
        """
        states: dict[str, PackageState] = {}
        found, ready = [], []
        for configuration in functions:
            name = configuration.name
            dependencies = self._dependencies_of(configuration)
            found.append(dependencies)
            states[name] = self._request_packages(dependencies)
            if not (states[name].is_installing and waits_for_packages):
                ready.append(dependencies.with_packages_of(self._installed.get(name)))
        self._set_watched(*self._config.files, *(file for each in found for file in each.files()))
        self._functions.apply(ready)
        self._functions.remove_all_except(states)
        for name, state in states.items():
            self._functions.set_package_state(name, state)

    def _request_packages(self, dependencies: FunctionDependencies) -> PackageState:
        """Install what is missing; return the state of a function's packages."""
        name = dependencies.name
        failed = self._failed.pop(name, None)
        if isinstance(dependencies.error, InstallError):
            self._installer.cancel(name)
            self._failed[name] = _Failure(dependencies, dependencies.error)
            return PackageState(error=dependencies.error)
        if not dependencies.missing():
            self._installer.cancel(name)
            self._installed[name] = dependencies
            if failed is not None:
                source = failed.error.source
                where = short_path(source) if source else name
                self._log(f"{where}: the packages are installed", "INFO")
            return PackageState()
        self._installer.request(dependencies)
        if failed is None or failed.dependencies.directories != dependencies.directories:
            return PackageState(is_installing=True)
        self._failed[name] = _Failure(dependencies, failed.error)  # it probably fails again
        return PackageState(error=failed.error)

    def _dependencies_of(self, configuration: FunctionConfiguration) -> FunctionDependencies:
        try:
            return find_dependencies(configuration)
        except InstallError as error:
            name = configuration.name
            if name not in self._failed or str(self._failed[name].error) != str(error):
                self._log_failure(name, str(error))
            return FunctionDependencies(configuration, error=error)

    def _log_failure(self, name: str, reason: str) -> None:
        kept = name in self._installed
        kept_packages = "the previously installed packages" if kept else "those that are installed"
        self._log(f"{reason}\n{name}: still using {kept_packages}", "ERROR")

    def _set_watched(self, *files: Path) -> None:
        self._watched_files = files
        if self._files.set_paths(files) and self._watch_task is not None:
            self._watch_task.cancel()
            self._start_watch()

    def _on_installed(self, dependencies: FunctionDependencies, error: InstallError | None) -> None:
        name = dependencies.name
        failed = self._failed.pop(name, None)
        if error is not None:
            self._failed[name] = _Failure(dependencies, error)
        if error is None:
            self._installed[name] = dependencies
        elif failed is None or str(failed.error) != str(error):
            self._log_failure(name, str(error))
        else:
            source = short_path(error.source) if error.source else name
            self._log(f"{source} still can't be installed; the next save tries again", "ERROR")
        self._functions.apply([dependencies.with_packages_of(self._installed.get(name))])
        self._functions.set_package_state(name, PackageState(error=error))


def _sentence(error: TemplateError | None) -> str:
    """Return an error with a full stop, unless it ends with a question."""
    return str(error) if str(error).endswith("?") else f"{error}."


def _describe_change(template: Path | None) -> str:
    if template is None:
        return "the template was removed: running the default handler"
    return f"{template.name} reloaded"
