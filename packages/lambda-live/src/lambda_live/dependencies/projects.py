"""
What a Python project declares for the code in its folder, by a lock or by its pyproject.toml.

Sources: https://packaging.python.org/en/latest/specifications/pyproject-toml/#dependencies-optional-dependencies
https://python-poetry.org/docs/basic-usage/#installing-with-poetrylock
"""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from lambda_live.dependencies import poetry_lock, uv_lock
from lambda_live.dependencies.poetry_lock import LockError
from lambda_live.project.cdk.cloud_assembly import is_app

_POETRYS, _UVS, _OWN = "poetry.lock", "uv.lock", "pyproject.toml"


def project_files(root: Path, project: Path) -> Iterator[Path]:
    """Return the files that say it, and those that would if they were there."""
    for folder in _folders(root, project):
        yield from (folder / name for name in (_POETRYS, _UVS, _OWN))


def find_project_requirements(root: Path, project: Path) -> tuple[Path, str] | None:
    """
    Return the file that counts, and what it declares as pip takes it; None if there is no file.

    The nearest folder above the code counts, the project's at last; in it a lock before the rest.

    Raises:
        LockError: A file can't be followed.
    """
    folders = _folders(root, project)
    for at, folder in enumerate(folders):
        if folder != root and is_app(folder):
            continue  # what a CDK app requires is not for its functions, which have their assets
        found = _locked(folder) or _of_pyproject(folder, folders[at + 1 :])
        if found is not None:
            return found
    return None


def _folders(root: Path, project: Path) -> list[Path]:
    if not root.is_relative_to(project):
        return [root, project]
    above = [root, *root.parents]
    return above[: above.index(project) + 1]


def _locked(folder: Path) -> tuple[Path, str] | None:
    lock = folder / _POETRYS
    if lock.is_file():
        return lock, poetry_lock.read_poetry_lock(lock)
    return _of_uv(folder / _UVS, ".")


def _of_uv(lock: Path, member: str) -> tuple[Path, str] | None:
    text = uv_lock.read_uv_lock(lock, member) if lock.is_file() else None
    return None if text is None else (lock, text)


def _of_pyproject(folder: Path, above: list[Path]) -> tuple[Path, str] | None:
    file = folder / _OWN
    if not file.is_file():
        return None
    try:
        own = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
        text = "".join(f"{each.strip()}\n" for each in own["dependencies"])
    except KeyError:
        return None
    except (OSError, ValueError, AttributeError, TypeError) as error:
        message = f"{file} can't be read: {error}; mend it"
        raise LockError(message) from error
    # a member of a uv workspace, whose lock is above it
    locks = (_of_uv(each / _UVS, os.path.relpath(folder, each)) for each in above)
    return next(filter(None, locks), (file, text))
