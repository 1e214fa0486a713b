"""
Which files in a folder are code, and their hashes.

What ships is code, because the function may read it: hidden files and what git ignores, too. Not
code are tests, events and what tools write. `.dockerignore` and `.tiltignore` have the same names.
"""

# ruff: noqa: PTH100, PTH111, PTH115, PTH116, PTH120, PTH123  # pathlib takes twice as long

import fnmatch
import hashlib
import logging
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

type _Gitignore = tuple[int, GitIgnoreSpec]
"""The length of the prefix that a path has in a folder, and the patterns of the folder."""

type FileStamp = tuple[int, int, int]
"""A file's change time in nanoseconds, size in bytes, and inode; a copy may keep other times."""

_TIMESTAMP_RESOLUTION_NS = 100_000_000
"""Two changes within this time may leave the same timestamp; file systems need 10 ms."""

_MAX_LINKS = 40
"""Linux gives up after this number of links in one path."""

_LOGGER = logging.getLogger(__name__)

EXCLUDED_NAMES = (
    *("__pycache__", "cdk.out", "node_modules", "*.pyc", "*~"),
    # editors and systems
    *("..*", ".#*", "._*", ".*.sw?", ".DS_Store", ".nfs*"),
    *(".idea", ".vscode", ".editorconfig"),
    # version control, CI and containers
    *(".ci", ".circleci", ".git*", ".hg", ".svn", ".pre-commit*", ".devcontainer", ".dockerignore"),
    # Python's tools
    *(".*_cache", ".cache", ".coverage*", ".hypothesis", ".ipynb_checkpoints", ".nox", ".tox"),
    *(".poetry", ".python-version", ".tool-versions", ".venv", ".eggs", ".direnv"),
    # frameworks, and settings that may be secret
    *(".aws*", ".chalice", ".serverless", ".terraform*", ".tiltignore"),
    *(".env", ".env.*", ".envrc", ".netrc", ".npmrc", ".pypirc", ".ssh"),
)
"""Patterns of names. AWS's builder excludes similar ones: workflows/python_pip/workflow.py."""

_is_excluded_name = re.compile("|".join(map(fnmatch.translate, EXCLUDED_NAMES))).match

_is_output = re.compile(
    r"coverage\.xml|junit.*\.xml|.*\.(bak|db|lcov|log|orig|pid|prof|sock|sqlite3?|tmp|zip)(-\w+)?"
).fullmatch
"""Whether git ignores a file of that name because a tool or the function writes it often."""


def is_code(name: str) -> bool:
    """Return whether a file or folder of that name is code, and not of a tool."""
    return name != "Tiltfile" and _is_excluded_name(name) is None


def _stamp(found: os.stat_result) -> FileStamp:
    if stat.S_ISFIFO(found.st_mode):  # reading a named pipe changes its times
        return 0, 0, found.st_ino
    return found.st_ctime_ns, found.st_size, found.st_ino


def file_stamp(path: str | Path) -> FileStamp | None:
    """Return the stamp of a file, None if it does not exist."""
    try:
        return _stamp(os.stat(path))
    except OSError:
        return None


class CodeFiles:
    """
    The code in one folder of a project.

    What `.gitignore` excludes is code unless it is the output of tools, or a folder without Python.
    """

    def __init__(self, root: Path, project: Path) -> None:
        self._root = str(root)
        self._tests = str(project / "tests")
        self._events = str(project / "events")
        # programs write there all the time if the home folder is a project; so does this one
        self._user_data = os.path.realpath(os.path.expanduser("~/.local"))
        self._above = list(_folders_above(root, project))

    def walk(self, on_folder: Callable[[str], None]) -> Iterator[tuple[str, bool, FileStamp]]:
        """
        Yield path, whether it is a code file, and stamp.

        The others are folders, links and `.gitignore` files: if one changes, the code may change.
        Links are followed. `on_folder` is called with each folder before it is read.
        """
        ignored = [each for each in map(_read_gitignore, self._above) if each]
        yield from _follow_links(self._root, on_folder)
        pending = [(self._root, ignored)]  # a recursion would limit the depth of the folders
        while pending:
            folder, ignored = pending.pop()
            try:
                stamp = _stamp(os.stat(folder))
                on_folder(folder)
                entries = list(os.scandir(folder))
            except OSError:
                continue
            names = {entry.name for entry in entries}
            if "pyvenv.cfg" in names:
                continue
            yield folder, False, stamp
            if ".gitignore" in names and (own := _read_gitignore(folder)):
                ignored = [*ignored, own]
                if (found := file_stamp(f"{folder}/.gitignore")) is not None:
                    yield f"{folder}/.gitignore", False, found
            for entry in entries:
                if is_code(entry.name) and not self._is_excluded(entry, ignored):
                    yield from _entry(entry, on_folder)
                    if _is_folder_to_walk(entry):
                        pending.append((entry.path, ignored))

    def _is_excluded(self, entry: os.DirEntry[str], ignored: list[_Gitignore]) -> bool:
        if entry.path in (self._tests, self._events) and entry.is_dir(follow_symlinks=False):
            # a function may have a package called events
            return entry.path == self._tests or not any(Path(entry.path).glob("*.py"))
        if entry.path == self._user_data:
            return True
        for length, spec in reversed(ignored):
            suffix = "/" if entry.is_dir(follow_symlinks=False) else ""
            decided = spec.check_file(entry.path[length:] + suffix).include
            if decided is not None:
                return decided and not _is_used(entry)
        return False


def _is_used(entry: os.DirEntry[str]) -> bool:
    """Return whether the function may use what git ignores, such as `_version.py`, `generated/`."""
    try:
        if not entry.is_dir():
            return _is_output(entry.name) is None
        return _has_python(entry.path, entry.stat().st_mtime_ns)
    except OSError:
        return False


@lru_cache(1024)
def _has_python(folder: str, _changed_at: int) -> bool:
    """Return whether a folder, or one in it, has Python files. Data may be large: look once."""
    return any(any(Path(folder).glob(pattern)) for pattern in ("*.py", "*/*.py"))


def _entry(
    entry: os.DirEntry[str], on_folder: Callable[[str], None]
) -> Iterator[tuple[str, bool, FileStamp]]:
    try:
        if entry.is_symlink():
            yield from _follow_links(entry.path, on_folder)
        if entry.is_file():
            yield entry.path, True, _stamp(entry.stat())
    except OSError:
        return


def _is_folder_to_walk(entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_dir():
            return False
        # a link to a folder above it would never end
        return not (entry.is_symlink() and _contains(os.path.realpath(entry.path), entry.path))
    except OSError:
        return False


def _contains(folder: str, path: str) -> bool:
    """Return whether the path, with links resolved, is in the folder."""
    above = (os.path.realpath(each) for each in Path(path).parents)
    return folder in above


def _follow_links(
    path: str, on_folder: Callable[[str], None]
) -> Iterator[tuple[str, bool, FileStamp]]:
    """
    Yield each link on the way to a path's target, and the target.

    Any of them may be replaced, such as `..data` of a Kubernetes ConfigMap.
    """
    links = list(_links(path))
    for each in [*links, os.path.realpath(path)] if links else ():
        on_folder(os.path.dirname(each))
        if (stamp := file_stamp(each)) is not None:
            yield each, False, stamp


def _links(path: str) -> Iterator[str]:
    parts, count = os.path.abspath(path).split("/")[1:], 0
    resolved = ""
    while parts and count < _MAX_LINKS:
        name = parts.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            resolved = resolved.rpartition("/")[0]
            continue
        resolved += f"/{name}"
        try:
            target = os.readlink(resolved)
        except OSError:
            continue
        yield resolved
        count += 1
        resolved = "" if target.startswith("/") else resolved.rpartition("/")[0]
        parts[:0] = target.split("/")


def _folders_above(root: Path, project: Path) -> Iterator[str]:
    """Yield the folders above whose `.gitignore` applies to the root, outermost first."""
    above = list(root.parents)
    top = next((folder for folder in (root, *above) if (folder / ".git").exists()), project)
    if top in above:
        for folder in reversed(above[: above.index(top) + 1]):
            yield str(folder)


def _read_gitignore(folder: str) -> _Gitignore | None:
    file = Path(folder, ".gitignore")
    try:
        if not file.is_file():
            if file.exists() and not file.is_dir():
                warn_once(f"{file} is not a regular file; it is ignored")
            return None
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return len(folder.rstrip("/")) + 1, _ignore_spec(file, lines)


def _ignore_spec(file: Path, lines: Sequence[str]) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  # needed only if there is such a file

    try:
        return GitIgnoreSpec.from_lines(lines)
    except Exception:  # noqa: BLE001  # pathspec raises errors of its own and of `re`
        valid = []
    for number, line in enumerate(lines, start=1):
        try:
            GitIgnoreSpec.from_lines([line])
        except Exception:  # noqa: BLE001  # as above
            warn_once(f"{file}:{number}: invalid pattern {line!r}; it is skipped")
        else:
            valid.append(line)
    return GitIgnoreSpec.from_lines(valid)


@lru_cache(256)
def warn_once(message: str) -> None:
    """Log a warning, unless the same was logged before."""
    _LOGGER.warning(message)


class HashCache:
    """Hashes files like `sha256sum`, with names relative to a folder; reads changed files only."""

    def __init__(self, folder: Path) -> None:
        self._prefix = str(folder).rstrip("/") + "/"
        self._known: dict[str, tuple[FileStamp, bytes]] = {}

    def manifest_lines(self, files: Iterable[tuple[str, FileStamp]]) -> list[bytes]:
        """Return a line for each file, given by path and stamp, sorted by the bytes of the name."""
        before, self._known = self._known, {}
        named = ((os.fsencode(path.removeprefix(self._prefix)), path, s) for path, s in files)
        return [self._line(name, path, s, before.get(path)) for name, path, s in sorted(named)]

    def _line(
        self, name: bytes, path: str, stamp: FileStamp, known: tuple[FileStamp, bytes] | None
    ) -> bytes:
        if known is None or known[0] != stamp:
            is_old = time.time_ns() - stamp[0] > _TIMESTAMP_RESOLUTION_NS
            line = _digest(path) + b"  " + name + b"\n"
            if not is_old:  # another change may leave the same stamp
                return line
            known = (stamp, line)
        self._known[path] = known
        return known[1]


def _digest(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest().encode()
    except OSError:
        return b""
