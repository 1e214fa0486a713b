"""The packages of the functions: which are here, and which are to be installed first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lambda_live.dependencies.installation import install_dir
from lambda_live.dependencies.interpreters import find_interpreter, runtime_requirements
from lambda_live.dependencies.requirements import collect_requirements, requirement_files
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from lambda_live.model.requirements import Requirements


@dataclass(frozen=True, slots=True)
class _Packages:
    """Requirements, whose packages are in a directory, or are to be."""

    requirements: Requirements

    @property
    def directory(self) -> Path:
        return install_dir(self.requirements)

    @property
    def missing(self) -> bool:
        return not self.directory.is_dir()


@dataclass(frozen=True, slots=True)
class FunctionDependencies:
    """A function as it was given, and what it needs beside its own code."""

    configuration: FunctionConfiguration
    python: Interpreter = SERVICE_INTERPRETER
    runtime: _Packages | None = None
    own: tuple[_Packages, ...] = ()

    @property
    def _all(self) -> tuple[_Packages, ...]:
        return (*((self.runtime,) if self.runtime else ()), *self.own)

    @property
    def name(self) -> str:
        """The function's."""
        return self.configuration.name

    @property
    def directories(self) -> tuple[Path, ...]:
        """Where its packages are, or are to be."""
        return tuple(each.directory for each in self._all)

    def missing(self) -> list[Requirements]:
        """Return what is to be installed."""
        return [each.requirements for each in self._all if each.missing]

    def resolved_configuration(self) -> FunctionConfiguration:
        """Return the function with its packages."""
        own = (each.directory for each in self.own)
        return replace(
            self.configuration,
            interpreter=self.python,
            runtime_packages=self.runtime.directory if self.runtime else None,
            package_dirs=(*own, *self.configuration.package_dirs),
        )

    def files(self) -> Iterator[Path]:
        """Return the files that say what it needs, and those that would if they were there."""
        yield from requirement_files(self.configuration.task_root, self.configuration.project)
        for source in self.configuration.layer_sources:
            yield source / "requirements.txt"
        for each in self.own:
            yield from each.requirements.files


def find_dependencies(configuration: FunctionConfiguration) -> FunctionDependencies:
    """
    Return what a function needs.

    Raises:
        InstallError: It can't be known.
    """
    python = find_interpreter(configuration.runtime) or SERVICE_INTERPRETER
    runtime = runtime_requirements(python)
    own = (
        _Packages(replace(each, python=python))
        for each in collect_requirements(
            configuration.task_root,
            configuration.project,
            configuration.layer_sources,
            configuration.image,
            configuration.public_layer_requirements,
        )
    )
    return FunctionDependencies(
        configuration, python, _Packages(runtime) if runtime else None, tuple(own)
    )
