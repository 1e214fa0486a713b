"""
Find what a function requires: requirements.txt, a lock file, or pyproject.toml.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
https://packaging.python.org/en/latest/specifications/pyproject-toml/#dependencies-optional-dependencies
https://python-poetry.org/docs/basic-usage/#installing-with-poetrylock
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lambda_live.dependencies.local_packages import (
    has_extensions,
    import_roots,
    is_package,
    local_requirements,
)
from lambda_live.dependencies.lock_files import (
    Locked,
    LockError,
    load_toml,
    read_poetry_lock,
    read_uv_lock,
)
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.requirements import InstallError, Requirements
from lambda_live.model.template import FunctionSpec
from lambda_live.model.template_error import place_of, short_path
from lambda_live.model.text_files import is_given, read_file, text_or_empty

POETRY_LOCK, UV_LOCK, PYPROJECT = "poetry.lock", "uv.lock", "pyproject.toml"

_GENERATED = "# GENERATED from poetry.lock"
_INCLUDED = re.compile(r"^(?:-r|-c|--requirement|--constraint)[ =]*(\S+)|^(\.{1,2}/\S+|\S+\.whl)")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def collect_requirements(
    function: FunctionSpec | FunctionConfiguration, project: Path
) -> list[Requirements]:
    """Return everything to install for a function. Raises InstallError."""
    root = function.code_uri if isinstance(function, FunctionSpec) else function.task_root
    image, public = function.image, function.public_layer_requirements
    has_own = image is None or image.installs_project
    own = [find_requirements(root, project)] if has_own else []
    layers = map(_layer_requirements, function.layer_sources)
    found = [each for each in (*own, *layers) if each is not None]
    declared = [part for each in found for part in (each, *_direct_requirements(each))]
    return [*(image.requirements if image else ()), *declared, *([public] if public else ())]


def _direct_requirements(locked: Requirements) -> Iterator[Requirements]:
    """Yield what pip installs apart for a lock file: what is from git, and compiled folders."""
    compiled = tuple(filter(has_extensions, locked.folders)) if locked.is_lock else ()
    if not (locked.direct or compiled):
        return
    names = [
        each.partition(" @")[0] for each in (*locked.direct, *(each.name for each in compiled))
    ]
    files = (locked.directory / each.partition(" ;")[0] for each in locked.direct)
    yield replace(
        locked,
        text="".join(f"{each}\n" for each in locked.direct),
        files=tuple(each.resolve() for each in files if each.is_file()),
        name=f"{locked.label} ({', '.join(names)})",
        folders=compiled,
        direct=(),
        is_direct=True,
    )


def _layer_requirements(source: Path) -> Requirements | None:
    """Return what a layer requires. If it is a package itself, its modules may be in `src`."""
    found = find_requirements(source, source)
    if not is_package(source) or import_roots(source) == [source]:
        return found
    own = found or Requirements(source / PYPROJECT, "", (), source, project=source)
    return replace(own, folders=(*own.folders, source))


def find_requirements(root: Path, project: Path) -> Requirements | None:
    """
    Return the requirements of a code root.

    A requirements.txt in it comes first, unless it is generated from a lock file. Otherwise the
    nearest folder above it counts, up to the project's: in each, a lock file comes before
    pyproject.toml.

    Raises:
        InstallError: A file cannot be read, or a package was added to a generated file.
    """
    own = root / "requirements.txt"
    if _is_given(own):
        if not is_generated(own, root, project):
            return parse_requirements(own, project)
        if line := find_line_without_hash(own):
            message = (
                f"{place_of(own, line[0])}: poetry.lock, from which this file is generated,"
                f" has no {line[1]}; run {poetry_command(project)} add {line[1]}"
            )
            raise InstallError(message, own)
    try:
        file, locked = _find_in_project(root, project) or (root, Locked())
    except LockError as error:
        message = f"{short_path(error.file)}{error.problem}"
        raise InstallError(message, error.file) from error
    folders = tuple(each for each in locked.folders if each.is_dir())
    if not (locked.text or folders or locked.direct):
        return None
    return Requirements(
        file,
        locked.text,
        (),
        file.parent,
        folders=folders,
        project=project.resolve(),
        direct=locked.direct,
    )


def is_generated(file: Path, root: Path, project: Path) -> bool:
    """Return whether a requirements file is generated from a poetry.lock that exists."""
    locks = (folder / POETRY_LOCK for folder in folders_above(root, project))
    return text_or_empty(file).startswith(_GENERATED) and any(map(Path.is_file, locks))


def poetry_command(project: Path) -> str:
    """Return how to run Poetry in a project."""
    return ".poetry/bin/poetry" if (project / ".poetry").is_dir() else "poetry"


def find_line_without_hash(file: Path) -> tuple[int, str] | None:
    """Return the number and package of the first line without hashes, if others have hashes."""
    text = text_or_empty(file)
    if "--hash=" not in text:
        return None
    for number, line in enumerate(text.splitlines(), 1):
        name = _PACKAGE.match(line)
        if name and "--hash=" not in line and not line.rstrip().endswith("\\"):
            return number, name[0]
    return None


def parse_requirements(file: Path, project: Path) -> Requirements | None:
    """
    Return the requirements in a file for pip, None if it has none.

    A relative path starts at the file's folder, or at the project's.

    Raises:
        InstallError: A file cannot be read.
    """
    try:
        text = read_file(file)
        lines = (line.strip() for line in text.splitlines())
        if not any(line and not line.startswith("#") for line in lines):
            return None
        found = [each.path for each, _ in local_requirements(file, (project,))]
        included = list(included_files(file))
    except (OSError, ValueError) as error:
        message = f"{short_path(file)} can't be read: {error}"
        raise InstallError(message, file) from error
    folders = tuple(dict.fromkeys(each for each in found if is_package(each)))
    files = {*included, *(each for each in found if each.is_file())}
    return Requirements(
        file, text, tuple(sorted(files)), file.parent, folders=folders, project=project.resolve()
    )


def included_files(file: Path, seen: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Return the local files that a requirements file needs."""
    for line in read_file(file).splitlines():
        found = _INCLUDED.match(line.strip())
        path = file.parent / (found[1] or found[2]) if found else None
        if found and path and _is_given(path) and path.resolve() not in seen:
            yield path.resolve()
            if found[1]:
                yield from included_files(path, seen | {file.resolve(), path.resolve()})


def _is_given(file: Path) -> bool:
    """Return whether a file or link exists. Raises InstallError for a named pipe."""
    if file.is_fifo():  # pip would wait for a writer without end
        message = f"{short_path(file)} is a named pipe; replace it by a regular file"
        raise InstallError(message, file)
    return is_given(file)


def requirement_files(root: Path, project: Path) -> Iterator[Path]:
    """Return the files that can declare requirements, existing or not."""
    yield root / "requirements.txt"
    for folder in folders_above(root, project):
        yield from (folder / name for name in (POETRY_LOCK, UV_LOCK, PYPROJECT))


def folders_above(root: Path, project: Path) -> list[Path]:
    """Return the folder of the code and those above it, up to the project's."""
    if not root.is_relative_to(project):
        return [root, project]
    above = [root, *root.parents]
    return above[: above.index(project) + 1]


def requirement_folders(root: Path, project: Path) -> list[Path]:
    """Return the folders whose lock file or pyproject.toml may be the function's."""
    # those beside cdk.json are the requirements of the CDK app, not of its functions
    above = folders_above(root, project)
    return [each for each in above if each == root or not (each / "cdk.json").is_file()]


def _find_in_project(root: Path, project: Path) -> tuple[Path, Locked] | None:
    folders = requirement_folders(root, project)
    for index, folder in enumerate(folders):
        found = _read_lock(folder) or _read_pyproject(folder, folders[index + 1 :])
        if found is not None:
            return found
    return None


def _read_lock(folder: Path) -> tuple[Path, Locked] | None:
    lock = folder / POETRY_LOCK
    if not _is_given(lock):
        return _read_uv_lock(folder / UV_LOCK, ".")
    with _reading(lock, "poetry lock"):
        return lock, read_poetry_lock(lock, read=read_file)


def _read_uv_lock(lock: Path, member: str) -> tuple[Path, Locked] | None:
    with _reading(lock, "uv lock"):
        locked = read_uv_lock(lock, member, read_file) if _is_given(lock) else None
    return None if locked is None else (lock, locked)


@contextlib.contextmanager
def _reading(lock: Path, command: str) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        raise LockError(lock, f" is invalid ({error!r}); run {command}") from error


def _read_pyproject(folder: Path, above: list[Path]) -> tuple[Path, Locked] | None:
    file = folder / PYPROJECT
    if not _is_given(file):
        return None
    try:
        listed = load_toml(file, "fix it", read_file).get("project", {})["dependencies"]
        text = "".join(f"{each.strip()}\n" for each in listed)
    except KeyError:
        return None
    except (AttributeError, TypeError) as error:
        raise LockError(file, ": project.dependencies must be a list of texts; fix it") from error
    # the lock of a uv workspace is in a folder above its members
    locks = (_read_uv_lock(each / UV_LOCK, os.path.relpath(folder, each)) for each in above)
    return next(filter(None, locks), (file, Locked(text)))
