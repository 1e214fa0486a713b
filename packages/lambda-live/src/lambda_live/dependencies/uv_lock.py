"""
What uv has locked for a project without its groups and extras, as pip takes it.

Source: https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile
"""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lambda_live.dependencies.poetry_lock import LockError

type _Package = dict[str, Any]
type _Conditions = frozenset[str]
"""Markers that hold together."""

_LOCAL = ("virtual", "editable", "directory")


def read_uv_lock(lock: Path, member: str = ".") -> str | None:
    """
    Return requirements with hashes, empty if the project needs none.

    The `member` is the project's folder, as seen from the lock's; None: it is not one of the lock.

    Raises:
        LockError: The file is of a version that is not known, or a package is from elsewhere than
            an index.
    """
    try:
        locked = tomllib.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{lock} can't be read: {error}; run uv lock"
        raise LockError(message) from error
    if locked.get("version") != 1:
        instead = "run uv export --no-dev -o requirements.txt beside the handler"
        message = f"{lock} is of a version that is not known here; {instead}"
        raise LockError(message)
    packages = locked.get("package", [])
    wanted = next((each for each in packages if _folder(each) == member), None)
    return None if wanted is None else _Graph(lock, packages).requirements(wanted)


def _folder(package: _Package) -> str | None:
    source = package.get("source", {})
    return next((source[kind] for kind in _LOCAL if kind in source), None)


class _Graph:
    """Which packages need which, and on what conditions."""

    def __init__(self, lock: Path, packages: Iterable[_Package]) -> None:
        self._lock = lock
        self._named: dict[str, list[_Package]] = {}
        for package in packages:
            self._named.setdefault(package["name"], []).append(package)

    def requirements(self, project: _Package) -> str:
        """Return all that a project needs. Raises LockError."""
        found: dict[tuple[str, str], tuple[_Package, set[_Conditions]]] = {}
        seen: dict[tuple[str, str, str], set[_Conditions]] = {}
        ahead = [(project, "", frozenset[str]())]
        while ahead:
            package, extra, conditions = ahead.pop()
            key = package["name"], package.get("version", "")
            if not _add(seen.setdefault((*key, extra), set()), conditions):
                continue
            if package is not project:
                _add(found.setdefault(key, (package, set()))[1], conditions)
            ahead += self._needed(package, extra, conditions)
        hashed = all(_hashes(package) for package, _ in found.values())
        lines = (self._line(*found[key], hashed=hashed) for key in sorted(found))
        return "".join(lines)

    def _needed(
        self, package: _Package, extra: str, conditions: _Conditions
    ) -> Iterator[tuple[_Package, str, _Conditions]]:
        own = package.get("optional-dependencies", {}).get(extra, ()) if extra else ()
        for needed in own if extra else package.get("dependencies", ()):
            marker = needed.get("marker")
            both = conditions | {marker} if marker else conditions
            for name in ("", *needed.get("extra", ())):
                yield self._package(needed), name, both

    def _package(self, needed: dict[str, Any]) -> _Package:
        version = needed.get("version")
        packages = self._named.get(needed["name"], [])
        found = (each for each in packages if version in (None, each.get("version")))
        package = next(found, None)
        if package is None:
            message = f"{self._lock} lacks {needed['name']}, which it needs; run uv lock"
            raise LockError(message)
        return package

    def _line(self, package: _Package, ways: set[_Conditions], *, hashed: bool) -> str:
        if "registry" not in package.get("source", {}):
            message = f"{self._lock}: {package['name']} {_elsewhere(package)}"
            raise LockError(message)
        line = f"{package['name']}=={package['version']}{_marker(ways)}"
        hashes = _hashes(package) if hashed else ()
        return " \\\n".join([line, *(f"    --hash={each}" for each in hashes)]) + "\n"


def _elsewhere(package: _Package) -> str:
    if (folder := _folder(package)) is not None:
        return f"is of no index but the folder {folder}; put its code beside the handler"
    kind = next(iter(package.get("source", {"place that is not said": ""})))
    return f"is from a {kind}; list it in a requirements.txt"


def _add(ways: set[_Conditions], conditions: _Conditions) -> bool:
    """Add conditions unless they are no news; those that need more are none any more."""
    if any(way <= conditions for way in ways):
        return False
    ways -= {way for way in ways if conditions <= way}
    ways.add(conditions)
    return True


def _marker(ways: set[_Conditions]) -> str:
    if frozenset() in ways:
        return ""
    each = sorted(" and ".join(f"({marker})" for marker in sorted(way)) for way in ways)
    return f" ; {' or '.join(each)}"


def _hashes(package: _Package) -> list[str]:
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    hashes = [file.get("hash") for file in files]
    return sorted(hashes) if all(hashes) else []
