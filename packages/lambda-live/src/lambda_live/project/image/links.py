"""A folder of links that has an image's files where the image has them."""

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from lambda_live.code.code_files import is_code

type _Node = Path | dict[str, _Node]


def single(files: Sequence[tuple[PurePosixPath, Path]]) -> Path | None:
    """Return the folder that has all of them as the image has them, None if none does."""
    roots = {_root(at, source) for at, source in files}
    return roots.pop() if len(roots) == 1 else None


def _root(at: PurePosixPath, source: Path) -> Path | None:
    if source.parts[len(source.parts) - len(at.parts) :] != at.parts:
        return None
    return source.parents[len(at.parts) - 1] if at.parts else source


def link(files: Sequence[tuple[PurePosixPath, Path]], folder: Path) -> set[Path]:
    """
    Make the folder; return those whose files are linked one by one, so that others may come.

    Raises:
        OSError: It can't be written.
    """
    whole: dict[str, _Node] = {}
    opened: set[Path] = set()
    for at, source in files:
        _put(whole, at.parts, source, opened)
    _write(whole, folder)
    return opened


def _put(into: dict[str, _Node], at: Sequence[str], source: Path, opened: set[Path]) -> None:
    if not at:
        for name, child in _children(source, opened).items():
            _put(into, (name,), child, opened)
        return
    name, *rest = at
    there = into.get(name)
    if isinstance(there, Path) and there.is_dir() and (rest or source.is_dir()):
        there = into[name] = dict(_children(there, opened))
    if rest or (isinstance(there, dict) and source.is_dir()):
        if not isinstance(there, dict):
            there = into[name] = {}
        _put(there, rest, source, opened)
    else:
        into[name] = source


def _children(folder: Path, opened: set[Path]) -> dict[str, Path]:
    opened.add(folder)
    return {each.name: each for each in folder.iterdir() if is_code(each.name)}


def _write(wanted: dict[str, _Node], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for each in folder.iterdir():
        node = wanted.get(each.name)
        if each.name != "__pycache__" and not _is(each, node):
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    for name, node in wanted.items():
        if isinstance(node, dict):
            _write(node, folder / name)
        elif not (folder / name).is_symlink():
            (folder / name).symlink_to(node)


def _is(path: Path, node: _Node | None) -> bool:
    if isinstance(node, dict):
        return path.is_dir() and not path.is_symlink()
    return node is not None and path.is_symlink() and path.readlink() == node
