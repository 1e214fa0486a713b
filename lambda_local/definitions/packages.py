"""The packages of the functions: which are here, and which are to be installed first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lambda_local.code.packages import directory_of
from lambda_local.code.requirements import Requirements, declared
from lambda_local.settings.function import FunctionConfiguration


@dataclass(frozen=True, slots=True)
class Needs:
    """A function as it was given, and what it needs beside its own code."""

    configuration: FunctionConfiguration
    requirements: Requirements | None = None
    directory: Path | None = None
    """Where its packages are, or are to be."""

    @property
    def name(self) -> str:
        """The function's."""
        return self.configuration.name

    @property
    def met(self) -> bool:
        """Whether all that it needs is here."""
        return self.directory is None or self.directory.is_dir()

    def complete(self) -> FunctionConfiguration:
        """Return the function with its packages."""
        own = (self.directory,) if self.directory else ()
        return replace(self.configuration, packages=(*own, *self.configuration.packages))

    def files(self) -> Iterator[Path]:
        """Return the files that say what it needs, and those that would if they were there."""
        if self.configuration.isolated:
            yield self.configuration.task_root / "requirements.txt"
            yield self.configuration.task_root / "poetry.lock"
            yield self.configuration.project / "poetry.lock"
        if self.requirements:
            yield from self.requirements.files


def needs_of(configuration: FunctionConfiguration) -> Needs:
    """
    Return what a function needs.

    Raises:
        InstallError: It can't be known.
    """
    if not configuration.isolated:
        return Needs(configuration)
    requirements = declared(configuration.task_root, configuration.project)
    if requirements is None:
        return Needs(configuration)
    return Needs(configuration, requirements, directory_of(requirements))
