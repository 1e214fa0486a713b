"""What the functions are, kept as the template and the requirements say."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from lambda_live.background import Background
from lambda_live.dependencies.requirements import InstallError
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.template_error import TemplateError
from lambda_live.project.config import Given
from lambda_live.project.config_files import Files
from lambda_live.project.function_dependencies import Needs, needs_of
from lambda_live.project.package_installer import Installations


class Served(Protocol):
    """Who runs the functions."""

    def keep(self, names: Iterable[str]) -> None:
        """End the functions that are called otherwise."""

    def serve(self, configurations: Sequence[FunctionConfiguration]) -> None:
        """Run them as they are now, those that are new as well."""

    def leave(self, name: str) -> None:
        """Let a function's code be the one that answers, though there is a newer one."""

    def check(self) -> None:
        """Have each function look whether its code changed."""


class Definitions:
    """Reads them again when they are saved; a save that is wrong is told, and changes nothing."""

    def __init__(self, given: Given, served: Served, say: Callable[[str, str], None]) -> None:
        self._given = given
        self._served = served
        self._say = say
        self._was_wrong = False
        self._background = Background(lambda error: say(f"internal error: {error!r}", "ERROR"))
        self._installations = Installations(self._background, say, self._installed)
        self._files = Files(given.files)
        self._renewal: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._followed: tuple[Path, ...] = ()
        needs = [needs_of(each) for each in given.functions]
        self._follow(needs)
        served.serve([each.complete() for each in needs])
        self._stopped = False

    def start(self) -> None:
        """Look at them whenever the file system tells of a change."""
        self._watch = self._background.run(self._look())

    def stop(self) -> None:
        """Let them be what they are."""
        self._stopped = True
        self._background.cancel()
        self._installations.stop()

    def holds(self, name: str) -> bool:
        """Whether the function's code may not change yet, since what it needs may have."""
        return name in self._installations or self._changing() is not None

    async def fresh(self) -> None:
        """Return when the functions are as they are on disk, but for packages to be installed."""
        if (renewal := self._changing()) is not None:
            await asyncio.wait([renewal])

    def _changing(self) -> asyncio.Task[None] | None:
        if self._renewal is None and not self._stopped and self._files.changed():
            self._renewal = self._background.run(self._renew())
        return self._renewal

    async def _look(self) -> None:
        async for _ in self._files.changes():
            self._changing()

    async def _renew(self) -> None:
        try:
            while self._files.changed():
                await self._files.settled()
                await self._read()
        finally:
            self._renewal = None
        self._served.check()

    async def _read(self) -> None:
        given = await asyncio.to_thread(self._again)
        while unknown := set(_files_of(given)).difference(self._followed):
            # one may have been saved since it was read, which nobody looked at
            self._look_at(*self._followed, *unknown)
            given = await asyncio.to_thread(self._again)
        if isinstance(given, TemplateError):
            self._say(f"{given}; until then all goes on as it was", "ERROR")
            self._was_wrong = True
        else:
            self._take(given)

    def _again(self) -> Given | TemplateError:
        try:
            return self._given.again()
        except TemplateError as error:
            return error

    def _take(self, given: Given) -> None:
        was_wrong, self._was_wrong = self._was_wrong, False
        if was_wrong or given.template != self._given.template:
            self._say(_change_of(given.template), "INFO")
        for notice in given.notices:
            if notice not in self._given.notices:
                self._say(notice, "WARN")
        self._given = given
        self._apply(given.functions)

    def _apply(self, functions: Sequence[FunctionConfiguration]) -> None:
        needs = [each for each in map(self._needs, functions) if each is not None]
        self._follow((*map(Needs, functions), *needs))
        for each in needs:
            if each.missing():
                self._installations.want(each)
            else:
                self._installations.forget(each.name)
        self._served.serve([each.complete() for each in needs if not each.missing()])
        self._served.keep([each.name for each in functions])

    def _needs(self, configuration: FunctionConfiguration) -> Needs | None:
        try:
            return needs_of(configuration)
        except InstallError as error:
            self._say(f"{error}; until then {configuration.name} goes on as it was", "ERROR")
            return None

    def _follow(self, needs: Iterable[Needs]) -> None:
        files = [file for each in needs for file in each.files()]
        self._look_at(*self._given.files, *files)

    def _look_at(self, *files: Path) -> None:
        self._followed = files
        if self._files.follow(files) and self._watch is not None:
            self._watch.cancel()
            self.start()

    def _installed(self, needs: Needs, error: InstallError | None) -> None:
        if error is None:
            self._served.serve([needs.complete()])
        else:
            self._say(f"{error}\n{needs.name} goes on with the packages it had", "ERROR")
            self._served.leave(needs.name)


def _files_of(given: Given | TemplateError) -> tuple[Path, ...]:
    return given.files_read if isinstance(given, TemplateError) else given.files


def _change_of(template: Path | None) -> str:
    if template is None:
        return "there is no template any more: AWS's default handler is served"
    return f"{template.name} says from now on what is served"
