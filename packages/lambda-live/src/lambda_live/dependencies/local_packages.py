"""
Dependencies that are folders of the repository, such as `-e ../shared` in a monorepo.

pip would copy them once. A function imports them from their folder instead, so that a save takes
effect at once. pip still installs what they require.

Sources: https://pip.pypa.io/en/stable/reference/requirements-file-format/
https://setuptools.pypa.io/en/latest/userguide/package_discovery.html
https://python-poetry.org/docs/pyproject/#packages
https://hatch.pypa.io/latest/config/build/#packages
"""

import configparser
import contextlib
import csv
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from lambda_live.model.text_files import read_file

METADATA_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
"""The files that decide what pip installs for a folder."""

_LINE = re.compile(
    r"(?:(?:-e|--editable)[ =]\s*)?(?:[\w.-]+\s*(?P<extras>\[[^]]*\])?\s*@\s*)?"
    r"(?P<path>file:[^\s;\[#]+|[./][^\s;\[#]*|[^\s;\[#@:]+/[^\s;\[#@:]*)"
    r"(?P<more>\[[^]]*\])?(?P<marker>\s*;[^#]*)?(?:\s*#.*)?"
)
_INCLUDED = re.compile(r"(?:-r|--requirement)[ =]*(\S+)")
_SETUP_PY_ROOT = re.compile(r"""package_dir\s*=\s*\{\s*["']{2}\s*:\s*["']([^"']+)["']""")


@dataclass(frozen=True, slots=True)
class LocalRequirement:
    """A line of a requirements file that names a local folder or file."""

    path: Path
    extras: str
    marker: str


def parse_local(line: str, bases: Iterable[Path]) -> LocalRequirement | None:
    """
    Return the local requirement of a line, None if it is another one or does not exist.

    A relative path starts at the first of `bases` that contains it.
    """
    match = _LINE.fullmatch(line.strip())
    if match is None:
        return None
    path = match["path"]
    if path.startswith("file:"):
        path = unquote(urlsplit(path).path)
    found = (each for each in (base / path for base in bases) if each.exists())
    local = next(found, None)
    if local is None:
        return None
    extras = match["extras"] or match["more"] or ""
    return LocalRequirement(local.resolve(), extras, (match["marker"] or "").strip())


def requirement_lines(file: Path) -> Iterator[tuple[str, Path]]:
    """Yield the lines of a requirements file and of those that it includes, with their folders."""
    yield from _lines(file.resolve(), {file.resolve()})


def _lines(file: Path, seen: set[Path]) -> Iterator[tuple[str, Path]]:
    for line in read_file(file).splitlines():
        included = _INCLUDED.match(line.strip())
        path = (file.parent / included[1]).resolve() if included else None
        if path is None or not path.is_file():
            yield line, file.parent
        elif path not in seen:
            seen.add(path)
            yield from _lines(path, seen)


def local_requirements(
    file: Path, bases: Sequence[Path]
) -> Iterator[tuple[LocalRequirement, Path]]:
    """Yield the local requirements of a file, each with the folder of its line."""
    for line, folder in requirement_lines(file):
        if (local := parse_local(line, (folder, *bases))) is not None:
            yield local, folder


def is_package(folder: Path) -> bool:
    """Return whether pip can install a folder."""
    return any((folder / name).is_file() for name in METADATA_FILES)


def rewrite(file: Path, bases: Sequence[Path], place: Callable[[Path], str]) -> str:
    """
    Return the lines of a requirements file with its included ones, for pip.

    `place` returns the path that pip gets for a local folder or file. Folders are not editable.
    """
    lines = []
    for line, folder in requirement_lines(file):
        option, gap, value = line.strip().partition(" ")
        if (local := parse_local(line, (folder, *bases))) is not None:
            marker = f" {local.marker}" if local.marker else ""
            lines.append(f"{place(local.path)}{local.extras}{marker}")
        elif option in ("-c", "--constraint") and (folder / value.strip()).is_file():
            lines.append(f"{option}{gap}{place((folder / value.strip()).resolve())}")
        else:
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def import_roots(folder: Path) -> list[Path]:
    """Return the folders from which a package's modules are imported."""
    found = {folder / each for each in (*_pyproject_roots(folder), *_setup_roots(folder))}
    existing = sorted(each for each in found if each.is_dir())
    if existing:
        return existing
    source = folder / "src"
    is_source = source.is_dir() and not (source / "__init__.py").exists()
    return [source] if is_source else [folder]


def _pyproject_roots(folder: Path) -> Iterator[str]:
    try:
        tool = tomllib.loads(read_file(folder / "pyproject.toml"))["tool"]
        yield from _tool_roots(tool)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # pip reports an invalid file


def _tool_roots(tool: dict[str, Any]) -> Iterator[str]:
    for each in tool.get("poetry", {}).get("packages", ()):
        yield each.get("from", ".")
    setuptools = tool.get("setuptools", {})
    if "" in setuptools.get("package-dir", {}):
        yield setuptools["package-dir"][""]
    packages = setuptools.get("packages", {})
    yield from packages.get("find", {}).get("where", ()) if isinstance(packages, dict) else ()
    wheel = tool.get("hatch", {}).get("build", {}).get("targets", {}).get("wheel", {})
    yield from (str(PurePosixPath(each).parent) for each in wheel.get("packages", ()))
    if "module-root" in (uv := tool.get("uv", {}).get("build-backend", {})):
        yield uv["module-root"] or "."
    if "package-dir" in (pdm := tool.get("pdm", {}).get("build", {})):
        yield pdm["package-dir"]


def _setup_roots(folder: Path) -> Iterator[str]:
    with contextlib.suppress(OSError, ValueError, configparser.Error):
        config = configparser.ConfigParser()
        config.read_string(read_file(folder / "setup.cfg"))
        for line in config.get("options", "package_dir", fallback="").splitlines():
            name, equals, path = line.partition("=")
            if equals and not name.strip():
                yield path.strip()
    with contextlib.suppress(OSError, ValueError):
        text = read_file(folder / "setup.py")
        yield from _SETUP_PY_ROOT.findall(text)


def remove_copies(target: Path, folders: Iterable[Path]) -> None:
    """
    Remove pip's copies of the modules in these folders, and keep their metadata.

    Otherwise a module that was deleted from its folder could still be imported.
    """
    linked = {folder.resolve() for folder in folders}
    for about in target.glob("*.dist-info"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            url = json.loads((about / "direct_url.json").read_text(encoding="utf-8"))["url"]
            if Path(unquote(urlsplit(url).path)).resolve() in linked:
                _remove_modules(target, about)


def _remove_modules(target: Path, about: Path) -> None:
    with (about / "RECORD").open(encoding="utf-8", newline="") as rows:
        names = [row[0] for row in csv.reader(rows) if row]
    for name in names:
        path = target / name
        if about not in path.parents and target in path.parents and ".." not in path.parts:
            path.unlink(missing_ok=True)
