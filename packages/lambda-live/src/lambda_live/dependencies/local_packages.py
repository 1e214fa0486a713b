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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from lambda_live.dependencies.lock_files import parse_toml
from lambda_live.model.text_files import read_file, text_or_empty

METADATA_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
"""The files that decide what pip installs for a folder."""

_LINE = re.compile(
    r"(?:(?:-e|--editable)[ =]\s*)?(?:[\w.-]+\s*(?P<extras>\[[^]]*\])?\s*@\s*)?"
    r"(?P<path>file:[^\s;\[#]+|[./][^\s;\[#]*|[^\s;\[#@:]+/[^\s;\[#@:]*)"
    r"(?P<more>\[[^]]*\])?(?P<marker>\s*;[^#]*)?(?:\s*#.*)?"
)
_INCLUDED = re.compile(r"(?:-r|--requirement)[ =]*(\S+)")
_BUILDS_EXTENSIONS = re.compile(
    r"ext[_-]modules|Extension\(|cffi_modules|cythonize|maturin|mesonpy|scikit[_-]build|setuptools.rust"
)
_EXTENSION_SOURCES = (".c", ".cc", ".cpp", ".h", ".hpp", ".pxd", ".pyx", ".rs")
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


def has_extensions(folder: Path) -> bool:
    """Return whether pip compiles modules of a folder."""
    texts = (text_or_empty(folder / name) for name in METADATA_FILES)
    return any(map(_BUILDS_EXTENSIONS.search, texts))


def extension_sources(folder: Path) -> Iterator[Path]:
    """Yield the files that pip compiles."""
    yield from sorted(each for each in folder.rglob("*") if each.suffix in _EXTENSION_SOURCES)


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
        tool = parse_toml(read_file(folder / "pyproject.toml"))["tool"]
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

    Otherwise a module that was deleted from its folder could still be imported. Compiled modules
    exist only in the copy: there, the others become links to the folder.
    """
    linked = {folder.resolve() for folder in folders}
    for about, folder in _installed_folders(target):
        if folder not in linked:
            continue
        names = _module_names(target, about)
        roots = import_roots(folder) if any(map(_is_compiled, names)) else ()
        for name in names:
            source = next((root / name for root in roots if (root / name).is_file()), None)
            if source is not None or not _is_compiled(name):
                (target / name).unlink(missing_ok=True)
            if source is not None:
                (target / name).symlink_to(source)


def compiled_folders(target: Path) -> set[Path]:
    """Return the folders whose modules are imported from pip's copy, with links to the folder."""
    return {
        folder
        for about, folder in _installed_folders(target)
        if any(map(_is_compiled, _module_names(target, about)))
    }


def _installed_folders(target: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the metadata of each package that pip installed from a folder, and the folder."""
    for about in target.glob("*.dist-info"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            url = json.loads((about / "direct_url.json").read_text(encoding="utf-8"))["url"]
            if url.startswith("file:"):
                yield about, Path(unquote(urlsplit(url).path)).resolve()


def _is_compiled(name: str) -> bool:
    return name.endswith((".so", ".pyd"))


def _module_names(target: Path, about: Path) -> list[str]:
    """Return the paths of a package's modules, relative to the folder of packages."""
    with (about / "RECORD").open(encoding="utf-8", newline="") as rows:
        names = [row[0] for row in csv.reader(rows) if row]
    paths = ((name, target / name) for name in names)
    return [
        name
        for name, path in paths
        if about not in path.parents and target in path.parents and ".." not in path.parts
    ]
