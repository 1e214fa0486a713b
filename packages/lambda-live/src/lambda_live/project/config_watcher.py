"""What the functions are, kept as the template and the requirements say."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from lambda_live.background import BackgroundTasks
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.requirements import InstallError
from lambda_live.model.template_error import TemplateError
from lambda_live.project.config import Config
from lambda_live.project.config_files import ConfigFiles
from lambda_live.project.function_dependencies import FunctionDependencies, find_dependencies
from lambda_live.project.package_installer import PackageInstaller


class FunctionManagerProtocol(Protocol):
    """Who runs the functions."""

    def remove_all_except(self, names: Iterable[str]) -> None:
        """End the functions that are called otherwise."""

    def apply(self, configurations: Sequence[FunctionConfiguration]) -> None:
        """Run them as they are now, those that are new as well."""

    def accept_code_on_disk(self, name: str) -> None:
        """Let a function's code be the one that answers, though there is a newer one."""

    def check_for_changes(self) -> None:
        """Have each function look whether its code changed."""


class ConfigWatcher:
    """Reads them again when they are saved; a save that is wrong is told, and changes nothing."""

    def __init__(
        self, config: Config, functions: FunctionManagerProtocol, log: Callable[[str, str], None]
    ) -> None:
        self._config = config
        self._functions = functions
        self._log = log
        self._had_error = False
        self._background = BackgroundTasks(log)
        self._installer = PackageInstaller(self._background, log, self._on_installed)
        self._files = ConfigFiles(config.files)
        self._reload_task: asyncio.Task[None] | None = None
        self._watch_task: asyncio.Task[None] | None = None
        self._watched_files: tuple[Path, ...] = ()
        needs = [find_dependencies(each) for each in config.functions]
        self._watch_dependencies(needs)
        functions.apply([each.resolved_configuration() for each in needs])
        self._stopped = False

    def start(self) -> None:
        """Look at them whenever the file system tells of a change."""
        self._watch_task = self._background.spawn(self._watch())

    def stop(self) -> None:
        """Let them be what they are."""
        self._stopped = True
        self._background.cancel()
        self._installer.stop()

    def blocks_reload(self, name: str) -> bool:
        """Whether the function's code may not change yet, since what it needs may have."""
        return name in self._installer or self._start_reload() is not None

    async def wait_current(self) -> None:
        """Return when the functions are as they are on disk, but for packages to be installed."""
        if (renewal := self._start_reload()) is not None:
            await asyncio.wait([renewal])

    def _start_reload(self) -> asyncio.Task[None] | None:
        if self._reload_task is None and not self._stopped and self._files.has_changed():
            self._reload_task = self._background.spawn(self._reload())
        return self._reload_task

    async def _watch(self) -> None:
        async for _ in self._files.changes():
            self._start_reload()

    async def _reload(self) -> None:
        try:
            while self._files.has_changed():
                await self._files.wait_until_quiet()
                await self._read()
        finally:
            self._reload_task = None
        self._functions.check_for_changes()

    async def _read(self) -> None:
        given = await asyncio.to_thread(self._load)
        while unknown := set(_files_of(given)).difference(self._watched_files):
            # one may have been saved since it was read, which nobody looked at
            self._set_watched(*self._watched_files, *unknown)
            given = await asyncio.to_thread(self._load)
        if isinstance(given, TemplateError):
            self._log(f"{given}; until then all goes on as it was", "ERROR")
            self._had_error = True
        else:
            self._accept(given)

    def _load(self) -> Config | TemplateError:
        try:
            return self._config.reload()
        except TemplateError as error:
            return error

    def _accept(self, given: Config) -> None:
        was_wrong, self._had_error = self._had_error, False
        if was_wrong or given.template != self._config.template:
            self._log(_change_of(given.template), "INFO")
        for notice in given.notices:
            if notice not in self._config.notices:
                self._log(notice, "WARN")
        self._config = given
        self._apply(given.functions)

    def _apply(self, functions: Sequence[FunctionConfiguration]) -> None:
        needs = [each for each in map(self._dependencies_of, functions) if each is not None]
        self._watch_dependencies((*map(FunctionDependencies, functions), *needs))
        for each in needs:
            if each.missing():
                self._installer.request(each)
            else:
                self._installer.cancel(each.name)
        self._functions.apply(
            [each.resolved_configuration() for each in needs if not each.missing()]
        )
        self._functions.remove_all_except([each.name for each in functions])

    def _dependencies_of(self, configuration: FunctionConfiguration) -> FunctionDependencies | None:
        try:
            return find_dependencies(configuration)
        except InstallError as error:
            self._log(f"{error}; until then {configuration.name} goes on as it was", "ERROR")
            return None

    def _watch_dependencies(self, needs: Iterable[FunctionDependencies]) -> None:
        files = [file for each in needs for file in each.files()]
        self._set_watched(*self._config.files, *files)

    def _set_watched(self, *files: Path) -> None:
        self._watched_files = files
        if self._files.set_paths(files) and self._watch_task is not None:
            self._watch_task.cancel()
            self.start()

    def _on_installed(self, needs: FunctionDependencies, error: InstallError | None) -> None:
        if error is None:
            self._functions.apply([needs.resolved_configuration()])
        else:
            self._log(f"{error}\n{needs.name} goes on with the packages it had", "ERROR")
            self._functions.accept_code_on_disk(needs.name)


def _files_of(given: Config | TemplateError) -> tuple[Path, ...]:
    return given.files_read if isinstance(given, TemplateError) else given.files


def _change_of(template: Path | None) -> str:
    if template is None:
        return "there is no template any more: AWS's default handler is served"
    return f"{template.name} says from now on what is served"
