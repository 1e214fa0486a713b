"""
Find what a function requires: requirements.txt, a lock file, or pyproject.toml.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
https://packaging.python.org/en/latest/specifications/pyproject-toml/#dependencies-optional-dependencies
https://python-poetry.org/docs/basic-usage/#installing-with-poetrylock
"""

import contextlib
import hashlib
import os
import platform
import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from lambda_live.dependencies.local_packages import (
    METADATA_FILES,
    extension_sources,
    has_extensions,
    import_roots,
    is_package,
    local_requirements,
    requirement_lines,
    rewrite,
)
from lambda_live.dependencies.lock_files import (
    Locked,
    LockError,
    read_poetry_lock,
    read_uv_lock,
)
from lambda_live.model.invocation import Result
from lambda_live.model.requirements import InstallError, Requirements
from lambda_live.model.template import FunctionSpec, Image
from lambda_live.model.template_error import short_path
from lambda_live.model.text_files import read_file, text_or_empty
from lambda_live.telemetry.source_location import error_message, innermost_frame

_INCLUDED = re.compile(r"^(?:-r|-c|--requirement|--constraint)[ =]*(\S+)|^(\.{1,2}/\S+|\S+\.whl)")
_NAMED = re.compile(r"[A-Za-z0-9][^@/#;]*")
"""The name and versions of a requirement that is not a path or URL."""
_GENERATED = "# GENERATED from poetry.lock"
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MISSING_MODULE = re.compile(r"No module named '(?P<module>[^']+)'")
_MODULE_NOT_FOUND = "ModuleNotFoundError"
_INSTALLED = "/site-packages/"
_DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "pymysql": "pymysql",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Packages on PyPI whose name differs from that of their module."""

_POETRY_LOCK, _UV_LOCK, _PYPROJECT = "poetry.lock", "uv.lock", "pyproject.toml"


def cache_key(requirements: Requirements) -> str:
    """Return a hash of everything that decides what pip installs."""
    key = hashlib.sha256(f"{requirements.python.version} {platform.machine()}\n".encode())
    key.update(requirements.text.encode())
    for path in requirements.files:
        with contextlib.suppress(OSError):  # pip reports a missing file
            key.update(hashlib.sha256(path.read_bytes()).digest())
    for folder in requirements.folders:
        key.update(os.path.relpath(folder, requirements.project).encode())
    for path in metadata_files(requirements):
        with contextlib.suppress(OSError):
            key.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return key.hexdigest()[:32]


def metadata_files(requirements: Requirements) -> Iterator[Path]:
    """Return the files that decide what pip installs for the folders, existing or not."""
    for folder in requirements.folders:
        if requirements.is_direct or not requirements.is_lock:
            yield from (folder / name for name in METADATA_FILES)
            if has_extensions(folder):
                yield from extension_sources(folder)


def copy_requirements(requirements: Requirements, directory: Path) -> None:
    """
    Write a requirements file and its local files to a directory, for pip.

    The folders of a lock file, and what is from git, are in `folders.txt`: what they require is
    locked.

    Raises:
        InstallError: A file lies outside the folder of the requirements.
    """
    directory.mkdir(parents=True, exist_ok=True)
    text, files = requirements.text, requirements.files
    if requirements.folders and not requirements.is_lock:
        text, files = pip_text(requirements, lambda path: _copy_local(path, directory)), ()
    is_direct, folders = requirements.is_direct, requirements.folders
    (directory / "requirements.txt").write_text("" if is_direct else text, encoding="utf-8")
    if is_direct or (folders and requirements.is_lock):
        lines = "".join(f"{_copy_local(path, directory)}\n" for path in folders)
        (directory / "folders.txt").write_text(text * is_direct + lines, encoding="utf-8")
    for path in files:
        if not path.is_relative_to(requirements.directory):
            message = f"{requirements.source} needs {path}; move it into {requirements.directory}"
            raise InstallError(message)
        copy = directory / path.relative_to(requirements.directory)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())


def has_open_versions(requirements: Requirements) -> bool:
    """Return whether pip may choose other versions at another time."""
    if requirements.source.name == "requirements.txt":
        lines = [line for line, _ in requirement_lines(requirements.source)]
    else:
        lines = requirements.text.splitlines()
    requirements_only = (line.partition(";")[0].partition(" #")[0].strip() for line in lines)
    return any("==" not in each for each in requirements_only if _NAMED.fullmatch(each))


def pip_text(requirements: Requirements, place: Callable[[Path], str] = str) -> str:
    """Return a requirements file without includes, whose local paths are those of `place`."""
    return rewrite(requirements.source, (requirements.project,), place)


def _copy_local(path: Path, directory: Path) -> str:
    """Copy a local folder or file; return its path relative to the directory."""
    key = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    name = f"local/{key}/{path.name}"
    copy = directory / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        ignored = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "node_modules")
        shutil.copytree(path, copy, ignore=ignored, dirs_exist_ok=True)
    else:
        shutil.copyfile(path, copy)
    return f"./{name}"


def collect_requirements(
    root: Path,
    project: Path,
    layer_sources: Iterable[Path],
    image: Image | None,
    public_layer_requirements: Requirements | None,
) -> list[Requirements]:
    """Return everything to install for a function. Raises InstallError."""
    public = [public_layer_requirements] if public_layer_requirements else []
    has_own = image is None or image.installs_project
    own = [find_requirements(root, project)] if has_own else []
    layers = map(_layer_requirements, layer_sources)
    found = [each for each in (*own, *layers) if each is not None]
    declared = [part for each in found for part in (each, *_direct_requirements(each))]
    return [*(image.requirements if image else ()), *declared, *public]


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
    own = found or Requirements(source / _PYPROJECT, "", (), source, project=source)
    return replace(own, folders=(*own.folders, source))


def spec_requirements(function: FunctionSpec, project: Path) -> list[Requirements]:
    """Return everything to install for a function of the template. Raises InstallError."""
    return collect_requirements(
        function.code_uri,
        project,
        function.layer_sources,
        function.image,
        function.public_layer_requirements,
    )


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
    if own.is_file() and (lock := _source_lock(own, root, project)) is None:
        return parse_requirements(own, project)
    if own.is_file() and lock and (line := find_line_without_hash(own)):
        message = (
            f"{short_path(own)}:{line[0]}: poetry.lock, from which this file is generated,"
            f" has no {line[1]}; run {add_command(root, project, line[1])}"
        )
        raise InstallError(message, own)
    try:
        file, locked = _find_in_project(root, project) or (root, Locked())
    except LockError as error:
        raise InstallError(str(error)) from error
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


def _source_lock(file: Path, root: Path, project: Path) -> Path | None:
    """Return the poetry.lock that a requirements file is generated from, if it is."""
    if not text_or_empty(file).startswith(_GENERATED):
        return None
    locks = (folder / _POETRY_LOCK for folder in _folders(root, project))
    return next(filter(Path.is_file, locks), None)


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


def add_command(root: Path, project: Path, package: str) -> str:
    """Return the command or the edit that adds a package to a function."""
    own = root / "requirements.txt"
    if own.is_file() and _source_lock(own, root, project) is None:
        return f"add {package} to {short_path(own)}"
    for folder in _folders(root, project):
        if (folder / _POETRY_LOCK).is_file():
            poetry = ".poetry/bin/poetry" if (project / ".poetry").is_dir() else "poetry"
            return f"{poetry} add {package}"
        if (folder / _UV_LOCK).is_file():
            return f"uv add {package}"
        if "[project]" in text_or_empty(file := folder / _PYPROJECT):
            return f"add {package} to the dependencies in {short_path(file)}"
    return f"add {package} to {short_path(own)}"


def missing_module_advice(message: str, root: Path, project: Path) -> str:
    """
    Return what adds the package that an error says is missing: a command, or what to edit.

    It is empty for a part of the function's own package, for the handler's module, and for other
    errors.
    """
    missing = _MISSING_MODULE.search(message)
    module = missing["module"].partition(".")[0] if missing else ""
    if (
        not module
        or f"Unable to import module '{module}'" in message
        or module in sys.stdlib_module_names
        or (root / module).is_dir()
        or (root / f"{module}.py").is_file()
    ):
        return ""
    command = add_command(root, project, _DISTRIBUTIONS.get(module, module))
    return command if command.startswith("add ") else f"run {command}"


def explain_error(result: Result, root: Path, project: Path) -> str:
    """Return the message of an error, with how to add the package if a module is missing."""
    message = error_message(result)
    frame = innermost_frame(result, Path("/"))
    is_import = result.error_type in {_MODULE_NOT_FOUND, "Runtime.ImportModuleError"}
    is_own = is_import and not (frame and _INSTALLED in frame[0])
    advice = missing_module_advice(message, root, project) if is_own else ""
    return f"{message}; {advice}" if advice else message


def explain_load_error(location: str, root: Path, project: Path) -> str:
    """Return `PATH:LINE: ERROR`, with how to add the package if a module is missing."""
    path, error, message = location.partition(f": {_MODULE_NOT_FOUND}: ")
    is_own = error and _INSTALLED not in path
    advice = missing_module_advice(message, root, project) if is_own else ""
    return f"{location}; {advice}" if advice else location


def parse_requirements(file: Path, project: Path) -> Requirements | None:
    """
    Return the requirements in a file for pip, None if it has none.

    A relative path starts at the file's folder, or at the project's.

    Raises:
        InstallError: A file cannot be read.
    """
    try:
        return _parse_requirements(file, project)
    except (OSError, ValueError) as error:
        message = f"{short_path(file)} can't be read: {error}"
        raise InstallError(message, file) from error


def _parse_requirements(file: Path, project: Path) -> Requirements | None:
    text = read_file(file)
    lines = (line.strip() for line in text.splitlines())
    if not any(line and not line.startswith("#") for line in lines):
        return None
    found = [each.path for each, _ in local_requirements(file, (project,))]
    folders = tuple(dict.fromkeys(each for each in found if is_package(each)))
    files = {*included_files(file), *(each for each in found if each.is_file())}
    return Requirements(
        file, text, tuple(sorted(files)), file.parent, folders=folders, project=project.resolve()
    )


def included_files(file: Path, seen: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Return the local files that a requirements file needs."""
    for line in read_file(file).splitlines():
        found = _INCLUDED.match(line.strip())
        path = file.parent / (found[1] or found[2]) if found else None
        if path and path.is_fifo():  # pip would wait for a writer without end
            message = f"{path} is a named pipe; replace it by a regular file"
            raise InstallError(message, file)
        if found and path and path.is_file() and path.resolve() not in seen:
            yield path.resolve()
            if found[1]:
                yield from included_files(path, seen | {file.resolve(), path.resolve()})


def requirement_files(root: Path, project: Path) -> Iterator[Path]:
    """Return the files that can declare requirements, existing or not."""
    yield root / "requirements.txt"
    for folder in _folders(root, project):
        yield from (folder / name for name in (_POETRY_LOCK, _UV_LOCK, _PYPROJECT))


def _folders(root: Path, project: Path) -> list[Path]:
    if not root.is_relative_to(project):
        return [root, project]
    above = [root, *root.parents]
    return above[: above.index(project) + 1]


def _find_in_project(root: Path, project: Path) -> tuple[Path, Locked] | None:
    folders = _folders(root, project)
    for index, folder in enumerate(folders):
        if folder != root and (folder / "cdk.json").is_file():
            continue  # these are the requirements of the CDK app, not of its functions
        found = _read_lock(folder) or _read_pyproject(folder, folders[index + 1 :])
        if found is not None:
            return found
    return None


def _read_lock(folder: Path) -> tuple[Path, Locked] | None:
    lock = folder / _POETRY_LOCK
    if not lock.is_file():
        return _read_uv_lock(folder / _UV_LOCK, ".")
    with _reading(lock, "poetry lock"):
        return lock, read_poetry_lock(lock, read=read_file)


def _read_uv_lock(lock: Path, member: str) -> tuple[Path, Locked] | None:
    with _reading(lock, "uv lock"):
        locked = read_uv_lock(lock, member, read_file) if lock.is_file() else None
    return None if locked is None else (lock, locked)


@contextlib.contextmanager
def _reading(lock: Path, command: str) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        message = f"{lock} is invalid ({error!r}); run {command}"
        raise LockError(message) from error


def _read_pyproject(folder: Path, above: list[Path]) -> tuple[Path, Locked] | None:
    file = folder / _PYPROJECT
    if not file.is_file():
        return None
    try:
        table = tomllib.loads(read_file(file)).get("project", {})
        text = "".join(f"{each.strip()}\n" for each in table["dependencies"])
    except KeyError:
        return None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        message = f"{file} can't be read: {error}; fix it"
        raise LockError(message) from error
    # the lock of a uv workspace is in a folder above its members
    locks = (_read_uv_lock(each / _UV_LOCK, os.path.relpath(folder, each)) for each in above)
    return next(filter(None, locks), (file, Locked(text)))
