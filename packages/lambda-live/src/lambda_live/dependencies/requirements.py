"""
A function's own dependencies: what it declares, in files that pip reads.

Source: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import hashlib
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lambda_live.dependencies import projects
from lambda_live.dependencies.poetry_lock import LockError
from lambda_live.model.requirements import InstallError, Requirements
from lambda_live.model.template import FunctionSpec, Image

_INCLUDED = re.compile(r"^(?:-r|-c|--requirement|--constraint)[ =]*(\S+)|^(\.{1,2}/\S+|\S+\.whl)")


def cache_key(requirements: Requirements) -> str:
    """Return a hash of everything that decides what pip installs."""
    key = hashlib.sha256(f"{requirements.python.version} {platform.machine()}\n".encode())
    key.update(requirements.text.encode())
    for path in requirements.files:
        key.update(hashlib.sha256(path.read_bytes()).digest())
    return key.hexdigest()[:32]


def copy_requirements(requirements: Requirements, directory: Path) -> None:
    """
    Write a requirements file and its local files to a directory, for pip.

    Raises:
        InstallError: A file lies outside the folder of the requirements.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "requirements.txt").write_text(requirements.text, encoding="utf-8")
    for path in requirements.files:
        if not path.is_relative_to(requirements.directory):
            message = f"{requirements.source} needs {path}, which no image gets; move it beside it"
            raise InstallError(message)
        copy = directory / path.relative_to(requirements.directory)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())


def find_requirements(root: Path, project: Path) -> Requirements | None:
    """
    Return what a code root declares by requirements.txt, else what the Python project does.

    Raises:
        InstallError: A lock file can't be followed.
    """
    if (root / "requirements.txt").is_file():
        return parse_requirements(root / "requirements.txt")
    try:
        file, text = projects.find_project_requirements(root, project) or (root, "")
    except LockError as error:
        raise InstallError(str(error)) from error
    return Requirements(file, text, (), file.parent) if text else None


def parse_requirements(file: Path) -> Requirements | None:
    """Return what a file that pip reads names, None if that is nothing."""
    text = file.read_text(encoding="utf-8-sig")
    files = tuple(sorted(set(included_files(file))))
    return Requirements(file, text, files, file.parent) if _names_any(text) else None


def requirement_files(root: Path, project: Path) -> Iterator[Path]:
    """Return the files that say so, and those that would if they were there."""
    yield root / "requirements.txt"
    yield from projects.project_files(root, project)


def find_all_requirements(
    root: Path,
    project: Path,
    sources: Iterable[Path],
    *,
    own: bool = True,
) -> list[Requirements]:
    """
    Return what each source of a layer declares, by requirements.txt; before it the code root's own.

    Raises:
        InstallError: As `declared`.
    """
    roots = [find_requirements(root, project)] if own else []
    every = (*roots, *(find_requirements(source, source) for source in sources))
    return [each for each in every if each is not None]


def collect_requirements(
    root: Path,
    project: Path,
    layer_sources: Iterable[Path],
    image: Image | None,
    public_layer_requirements: Requirements | None,
) -> list[Requirements]:
    """Return everything to install for a function. Raises InstallError."""
    public = [public_layer_requirements] if public_layer_requirements else []
    own = image is None or image.installs_project
    declared = find_all_requirements(root, project, layer_sources, own=own)
    return [*(image.requirements if image else ()), *declared, *public]


def spec_requirements(function: FunctionSpec, project: Path) -> list[Requirements]:
    """Return everything to install for a function of the template. Raises InstallError."""
    return collect_requirements(
        function.code_uri,
        project,
        function.layer_sources,
        function.image,
        function.public_layer_requirements,
    )


def _names_any(text: str) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in text.splitlines())


def included_files(file: Path) -> Iterator[Path]:
    """Return the files beside it that a file of requirements needs."""
    for line in file.read_text(encoding="utf-8-sig").splitlines():
        found = _INCLUDED.match(line.strip())
        path = file.parent / (found[1] or found[2]) if found else None
        if found and path and path.is_file():
            yield path.resolve()
            if found[1]:
                yield from included_files(path)
