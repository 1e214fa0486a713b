"""
What Poetry has locked for one group, as pip takes it.

`python poetry_lock.py poetry.lock GROUP` prints it; no other module of this service is needed.
Source: https://python-poetry.org/docs/dependency-specification/
"""

import sys
import tomllib
from pathlib import Path
from typing import Any


class LockError(Exception):
    """The file can't be followed; the text says why and what to do."""


def read_poetry_lock(lock: Path, group: str = "main", *, skip_folders: bool = False) -> str:
    """
    Return requirements with hashes, empty if the group has none.

    With `skip_folders`, packages that are folders of this repository are left out.

    Raises:
        LockError: The file is not Poetry 2's, or a package is from elsewhere than an index.
    """
    try:
        locked = tomllib.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{lock} can't be read: {error}; run poetry lock"
        raise LockError(message) from error
    if locked.get("metadata", {}).get("lock-version", "") < "2.1":
        message = f"{lock} says nothing of groups; run poetry lock with Poetry 2"
        raise LockError(message)
    packages = [each for each in locked.get("package", ()) if group in each["groups"]]
    if skip_folders:
        packages = [each for each in packages if _source_type(each) != "directory"]
    return "".join(_requirement(lock, each, group) for each in packages)


def _source_type(package: dict[str, Any]) -> str:
    return str(package.get("source", {}).get("type", "legacy"))


def _requirement(lock: Path, package: dict[str, Any], group: str) -> str:
    kind = _source_type(package)
    if kind != "legacy":
        message = f"{lock}: {package['name']} is from a {kind}; list it in a requirements.txt"
        raise LockError(message)
    markers = package.get("markers", "")
    if isinstance(markers, dict):
        markers = markers.get(group, "")
    hashes = sorted(file["hash"] for file in package["files"])
    line = f"{package['name']}=={package['version']}{f' ; {markers}' if markers else ''}"
    return " \\\n".join([line, *(f"    --hash={each}" for each in hashes)]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(read_poetry_lock(Path(sys.argv[1]), sys.argv[2], skip_folders=True))
