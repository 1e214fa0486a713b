"""
Read poetry.lock and uv.lock as pip requirements with hashes.

`python lock_files.py poetry.lock GROUP` prints a group. scripts/install and the Dockerfile run it
before anything is installed, so this module imports only the standard library.

Sources: https://python-poetry.org/docs/dependency-specification/
https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile
"""

import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

type _Package = dict[str, Any]
type _Conditions = frozenset[str]
"""Environment markers that must all be true."""

_LOCAL_SOURCES = ("virtual", "editable", "directory")


class Locked(NamedTuple):
    """
    What a lock file requires: requirements for pip, and folders of the repository.

    The requirements of the folders are among the others. `direct` are requirements that are not
    from an index, such as those from git: pip cannot check a hash of them.
    """

    text: str = ""
    folders: tuple[Path, ...] = ()
    direct: tuple[str, ...] = ()


class LockError(Exception):
    """A lock file cannot be read; `problem` follows the path, and says what to do."""

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}{problem}")
        self.file = file
        self.problem = problem


def _read_utf8(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def read_poetry_lock(
    lock: Path, group: str = "main", read: Callable[[Path], str] = _read_utf8
) -> Locked:
    """
    Return the requirements of a group, empty if it has none. `read` returns the text of a file.

    Raises:
        LockError: The file is not from Poetry 2.
    """
    locked = load_toml(lock, "run poetry lock", read)
    if locked.get("metadata", {}).get("lock-version", "") < "2.1":
        raise LockError(lock, " has no dependency groups; run poetry lock with Poetry 2")
    packages = [each for each in locked.get("package", ()) if group in each["groups"]]
    text, folders, direct = "", [], []
    for each in packages:
        source = each.get("source", {})
        if source.get("type") == "directory":
            folders.append((lock.parent / source["url"]).resolve())
        elif (location := _poetry_location(source)) is not None:
            direct.append(_direct(each["name"], location, _poetry_marker(each, group)))
        else:
            hashes = sorted(file["hash"] for file in each["files"])
            text += _requirement(each, _poetry_marker(each, group), hashes)
    return Locked(text, tuple(folders), tuple(direct))


def load_toml(file: Path, hint: str, read: Callable[[Path], str] = _read_utf8) -> dict[str, Any]:
    """Return the content of a TOML file. Raises LockError, whose text ends with the hint."""
    try:
        text = read(file)
    except (OSError, ValueError) as error:
        raise LockError(file, f" can't be read: {error}; {hint}") from error
    try:
        return parse_toml(text)
    except TomlError as error:
        raise LockError(file, f":{error.line}: invalid TOML: {error}; {hint}") from error


class TomlError(ValueError):
    """Invalid TOML: the text says what is wrong."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML. Raises TomlError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem, _, place = str(error).rpartition(" (at ")
        line = re.search(r"line (\d+)", place)
        number = int(line[1]) if line else text.count("\n") + 1  # else the end of the text
        raise TomlError(problem, number) from error
    except RecursionError:
        lines = text.splitlines()
        deepest = max(lines, key=lambda each: each.count("[") + each.count("{"))
        problem = "the values are nested too deeply"
        raise TomlError(problem, lines.index(deepest) + 1) from None


def _poetry_location(source: Mapping[str, str]) -> str | None:
    """Return the URL or path of a package that is not from an index."""
    match source.get("type"):
        case "git":
            folder = source.get("subdirectory")
            url = f"git+{source['url']}@{source['resolved_reference']}"
            return f"{url}#subdirectory={folder}" if folder else url
        case "url" | "file":
            return source["url"]
        case _:
            return None


def _poetry_marker(package: _Package, group: str) -> str:
    markers = package.get("markers", "")
    return str(markers.get(group, "") if isinstance(markers, dict) else markers)


def _direct(name: str, location: str, marker: str) -> str:
    """Return the requirement of a package at a URL or, relative to the lock file, at a path."""
    line = f"{name} @ {location}" if "://" in location else f"./{location}"
    return f"{line} ; {marker}" if marker else line


def _requirement(package: _Package, marker: str, hashes: Iterable[str]) -> str:
    line = f"{package['name']}=={package['version']}{f' ; {marker}' if marker else ''}"
    return " \\\n".join([line, *(f"    --hash={each}" for each in hashes)]) + "\n"


def read_uv_lock(
    lock: Path, member: str = ".", read: Callable[[Path], str] = _read_utf8
) -> Locked | None:
    """
    Return the requirements of a project without its groups and extras, empty if it has none.

    `member` is the project's folder relative to the lock file. Returns None if the lock file does
    not contain it.

    Raises:
        LockError: The version is not supported, or a package is missing.
    """
    locked = load_toml(lock, "run uv lock", read)
    if locked.get("version") != 1:
        hint = "run uv export --no-dev -o requirements.txt beside the handler"
        raise LockError(lock, f" has a version that is not supported; {hint}")
    packages = locked.get("package", [])
    project = next((each for each in packages if _folder(each) == member), None)
    return None if project is None else _UvGraph(lock, packages).requirements(project)


def _folder(package: _Package) -> str | None:
    source = package.get("source", {})
    return next((source[kind] for kind in _LOCAL_SOURCES if kind in source), None)


class _UvGraph:
    """The packages of a uv.lock, and which of them need which under which conditions."""

    def __init__(self, lock: Path, packages: Iterable[_Package]) -> None:
        self._lock = lock
        self._by_name: dict[str, list[_Package]] = {}
        for package in packages:
            self._by_name.setdefault(package["name"], []).append(package)

    def requirements(self, project: _Package) -> Locked:
        """Return everything that a project needs. Raises LockError."""
        found: dict[tuple[str, str], tuple[_Package, set[_Conditions]]] = {}
        visited: dict[tuple[str, str, str], set[_Conditions]] = {}
        pending = [(project, "", frozenset[str]())]
        while pending:
            package, extra, conditions = pending.pop()
            key = package["name"], package.get("version", "")
            if not _add(visited.setdefault((*key, extra), set()), conditions):
                continue
            if package is not project:
                _add(found.setdefault(key, (package, set()))[1], conditions)
            pending += self._dependencies(package, extra, conditions)
        folders = {key for key in found if _folder(found[key][0]) is not None}
        direct = {key: each for key in found if (each := _uv_location(found[key][0])) is not None}
        names = sorted(found.keys() - folders - direct.keys())
        has_hashes = all(_hashes(found[key][0]) for key in names)
        lines = []
        for package, alternatives in map(found.__getitem__, names):
            hashes = _hashes(package) if has_hashes else ()
            lines.append(_requirement(package, _marker(alternatives), hashes))
        return Locked(
            "".join(lines),
            tuple(self._folders(folders)),
            tuple(_direct(key[0], direct[key], _marker(found[key][1])) for key in sorted(direct)),
        )

    def _folders(self, keys: Iterable[tuple[str, str]]) -> Iterator[Path]:
        for name, _ in sorted(keys):
            for package in self._by_name[name]:
                source = package.get("source", {})
                if path := source.get("editable") or source.get("directory"):
                    yield (self._lock.parent / path).resolve()

    def _dependencies(
        self, package: _Package, extra: str, conditions: _Conditions
    ) -> Iterator[tuple[_Package, str, _Conditions]]:
        optional = package.get("optional-dependencies", {}).get(extra, ()) if extra else ()
        for dependency in optional if extra else package.get("dependencies", ()):
            marker = dependency.get("marker")
            both = conditions | {marker} if marker else conditions
            for name in ("", *dependency.get("extra", ())):
                yield self._package(dependency), name, both

    def _package(self, dependency: Mapping[str, Any]) -> _Package:
        version = dependency.get("version")
        packages = self._by_name.get(dependency["name"], [])
        found = (each for each in packages if version in (None, each.get("version")))
        package = next(found, None)
        if package is None:
            problem = f": the package {dependency['name']} is missing; run uv lock"
            raise LockError(self._lock, problem)
        return package


def _uv_location(package: _Package) -> str | None:
    """Return the URL or path of a package that is not from an index."""
    source = package.get("source", {})
    if "git" in source:  # as https://HOST/REPOSITORY?rev=main&subdirectory=DIRECTORY#COMMIT
        url = urlsplit(source["git"])
        folder = parse_qs(url.query).get("subdirectory")
        commit = f"git+{url._replace(query='', fragment='').geturl()}@{url.fragment}"
        return f"{commit}#subdirectory={folder[0]}" if folder else commit
    location: str | None = source.get("url") or source.get("path")
    return location


def _add(alternatives: set[_Conditions], conditions: _Conditions) -> bool:
    """Add conditions and drop those that they make redundant; return False if they are."""
    if any(each <= conditions for each in alternatives):
        return False
    alternatives -= {each for each in alternatives if conditions <= each}
    alternatives.add(conditions)
    return True


def _marker(alternatives: set[_Conditions]) -> str:
    if frozenset() in alternatives:
        return ""
    each = sorted(
        " and ".join(f"({marker})" for marker in sorted(conditions)) for conditions in alternatives
    )
    return " or ".join(each)


def _hashes(package: _Package) -> list[str]:
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    hashes = [file.get("hash") for file in files]
    return sorted(hashes) if all(hashes) else []


if __name__ == "__main__":
    sys.stdout.write(read_poetry_lock(Path(sys.argv[1]), sys.argv[2]).text)
