"""The Python and the packages that a function needs besides its code."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lambda_live.dependencies.installation import install_dir, is_installed, is_stale
from lambda_live.dependencies.interpreters import choose_interpreter, runtime_requirements
from lambda_live.dependencies.local_packages import compiled_folders, import_roots
from lambda_live.dependencies.package_cache import hold
from lambda_live.dependencies.pip_input import metadata_files
from lambda_live.dependencies.requirements import collect_requirements, requirement_files
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from lambda_live.model.requirements import InstallError, Requirements


@dataclass(frozen=True, slots=True)
class FunctionDependencies:
    """
    A function's configuration, and the Python and the packages that it needs.

    `runtime` is what AWS's runtime brings, if another Python than the service's runs the function.
    `error` says why the rest is unknown.
    """

    configuration: FunctionConfiguration
    python: Interpreter = SERVICE_INTERPRETER
    runtime: Requirements | None = None
    own: tuple[Requirements, ...] = ()
    error: InstallError | None = None

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
        return [each for each in self._all if not is_installed(each)]

    def stale(self) -> list[Requirements]:
        """Return what may have newer versions."""
        return [each for each in self._all if is_stale(each)]

    def resolved_configuration(self) -> FunctionConfiguration:
        """Return the function's configuration with its Python and packages, which stay cached."""
        for directory in self.directories:
            hold(directory)
        return replace(
            self.configuration,
            interpreter=self.python,
            runtime_packages=install_dir(self.runtime) if self.runtime else None,
            package_dirs=(
                *(install_dir(each) for each in self.own if each.text or each.is_direct),
                *self.configuration.package_dirs,
            ),
            source_dirs=tuple(root for each in self._linked() for root in import_roots(each)),
            watched_paths=self._watched_paths(),
        )

    @property
    def folders(self) -> list[Path]:
        """The packages of the repository that it needs."""
        return list(dict.fromkeys(folder for each in self.own for folder in each.folders))

    def _linked(self) -> list[Path]:
        """Return the folders whose modules are imported from there, not from pip's copy."""
        compiled = {folder for each in self.directories for folder in compiled_folders(each)}
        return [each for each in self.folders if each not in compiled]

    def _watched_paths(self) -> tuple[Path, ...]:
        watched = self.configuration.watched_paths
        if not watched:  # the user does not want live reload
            return ()
        others = [
            each
            for each in self.folders
            if not any(each.is_relative_to(path.resolve()) for path in watched)
        ]
        return (*watched, *others)

    def with_packages_of(self, other: "FunctionDependencies | None") -> FunctionConfiguration:
        """Return the configuration with another's packages, or with those that are installed."""
        if other is None:
            own = tuple(each for each in self.own if is_installed(each))
            other = replace(self, own=own)
            if self.runtime is not None and not install_dir(self.runtime).is_dir():
                other = replace(other, python=SERVICE_INTERPRETER, runtime=None)
        return replace(other, configuration=self.configuration).resolved_configuration()

    def files(self) -> Iterator[Path]:
        """Return the files that can declare its requirements, existing or not."""
        yield from requirement_files(self.configuration.task_root, self.configuration.project)
        for source in self.configuration.layer_sources:
            yield from requirement_files(source, source)
        for each in self.own:
            yield from each.files
            yield from metadata_files(each)


def find_dependencies(configuration: FunctionConfiguration) -> FunctionDependencies:
    """Return what a function needs. Raises InstallError if its requirements cannot be read."""
    python = choose_interpreter(configuration.runtime)
    try:
        own = collect_requirements(configuration, configuration.project)
    except OSError as error:
        raise InstallError(str(error)) from error
    return FunctionDependencies(
        configuration,
        python,
        runtime_requirements(python),
        tuple(replace(each, python=python) for each in own),
    )
