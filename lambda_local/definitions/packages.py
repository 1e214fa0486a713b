"""The packages of the functions: which are here, and which are to be installed first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lambda_local.code.interpreters import interpreter_of, runtime_of
from lambda_local.code.packages import directory_of
from lambda_local.code.requirements import Requirements, declared
from lambda_local.settings.function import FunctionConfiguration
from lambda_local.settings.interpreter import OWN, Interpreter


@dataclass(frozen=True, slots=True)
class _Packages:
    """Requirements, and where their packages are, or are to be."""

    requirements: Requirements
    directory: Path

    @property
    def missing(self) -> bool:
        return not self.directory.is_dir()


@dataclass(frozen=True, slots=True)
class Needs:
    """A function as it was given, and what it needs beside its own code."""

    configuration: FunctionConfiguration
    python: Interpreter = OWN
    runtime: _Packages | None = None
    own: _Packages | None = None

    @property
    def name(self) -> str:
        """The function's."""
        return self.configuration.name

    @property
    def directories(self) -> tuple[Path, ...]:
        """Where its packages are, or are to be."""
        return tuple(each.directory for each in (self.runtime, self.own) if each)

    def missing(self) -> list[Requirements]:
        """Return what is to be installed."""
        return [each.requirements for each in (self.runtime, self.own) if each and each.missing]

    def complete(self) -> FunctionConfiguration:
        """Return the function with its packages."""
        own = (self.own.directory,) if self.own else ()
        return replace(
            self.configuration,
            python=self.python,
            runtime_packages=self.runtime.directory if self.runtime else None,
            packages=(*own, *self.configuration.packages),
        )

    def files(self) -> Iterator[Path]:
        """Return the files that say what it needs, and those that would if they were there."""
        yield self.configuration.task_root / "requirements.txt"
        yield self.configuration.task_root / "poetry.lock"
        yield self.configuration.project / "poetry.lock"
        if self.own:
            yield from self.own.requirements.files


def needs_of(configuration: FunctionConfiguration) -> Needs:
    """
    Return what a function needs.

    Raises:
        InstallError: It can't be known.
    """
    python = interpreter_of(configuration.runtime) or OWN
    requirements = declared(configuration.task_root, configuration.project)
    own = replace(requirements, python=python) if requirements else None
    return Needs(configuration, python, _packages(runtime_of(python)), _packages(own))


def _packages(requirements: Requirements | None) -> _Packages | None:
    return _Packages(requirements, directory_of(requirements)) if requirements else None
