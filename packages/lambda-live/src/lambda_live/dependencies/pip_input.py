"""The files that pip gets to install requirements, and a key of all that decides the result."""

import contextlib
import hashlib
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from lambda_live.dependencies.local_packages import (
    METADATA_FILES,
    extension_sources,
    has_extensions,
    requirement_lines,
    rewrite,
)
from lambda_live.model.requirements import InstallError, Requirements

_NAMED = re.compile(r"[A-Za-z0-9][^@/#;]*")
"""The name and versions of a requirement that is not a path or URL."""


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


def pip_text(requirements: Requirements, place: Callable[[Path], str] = str) -> str:
    """Return a requirements file for pip, whose local paths are those of `place`."""
    if requirements.is_direct:
        return requirements.text + _lines(requirements.folders, place)
    if requirements.folders and not requirements.is_lock:
        return rewrite(requirements.source, (requirements.project,), place)
    return requirements.text


def _lines(folders: Iterable[Path], place: Callable[[Path], str]) -> str:
    return "".join(f"{place(each)}\n" for each in folders)


def copy_requirements(requirements: Requirements, directory: Path) -> None:
    """
    Write a requirements file and its local files to a directory, for pip.

    pip installs what is in `folders.txt` without its requirements, because those are locked: the
    folders of a lock file, and what is from git.

    Raises:
        InstallError: A file lies outside the folder of the requirements.
    """
    directory.mkdir(parents=True, exist_ok=True)
    place = partial(_copy_local, directory)
    text, is_direct = pip_text(requirements, place), requirements.is_direct
    (directory / "requirements.txt").write_text("" if is_direct else text, encoding="utf-8")
    if is_direct:
        (directory / "folders.txt").write_text(text, encoding="utf-8")
    elif requirements.folders and requirements.is_lock:
        folders = _lines(requirements.folders, place)
        (directory / "folders.txt").write_text(folders, encoding="utf-8")
    if requirements.is_lock or not requirements.folders:
        copy_files(requirements, directory)


def copy_files(requirements: Requirements, directory: Path) -> None:
    """Copy the local files to a directory. Raises InstallError, as `copy_requirements`."""
    for path in requirements.files:
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


def _copy_local(directory: Path, path: Path) -> str:
    """Copy a local folder or file to a directory; return its path relative to that."""
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
