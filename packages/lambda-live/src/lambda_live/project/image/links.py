"""
Link the files of an image that come from several folders into one folder.

Python imports from that folder as it would from the folder in the image, and an edit of a source
file still takes effect, because the links lead to it.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from lambda_live.code.code_files import is_code

type _Node = Path | dict[str, _Node]


def single_root(files: Sequence[tuple[PurePosixPath, Path]]) -> Path | None:
    """Return the folder that has all files at the same paths as the image, or None."""
    roots = {_root(at, source) for at, source in files}
    return roots.pop() if len(roots) == 1 else None


def _root(at: PurePosixPath, source: Path) -> Path | None:
    if source.parts[len(source.parts) - len(at.parts) :] != at.parts:
        return None
    return source.parents[len(at.parts) - 1] if at.parts else source


def link_files(files: Sequence[tuple[PurePosixPath, Path]], folder: Path) -> set[Path]:
    """
    Create the folder, and return the source folders whose files are linked one by one.

    New files in those must be linked, too.

    Raises:
        OSError: The folder cannot be written.
    """
    tree: dict[str, _Node] = {}
    opened: set[Path] = set()
    for at, source in files:
        _put(tree, at.parts, source, opened)
    _write(tree, folder)
    return opened


def _put(into: dict[str, _Node], at: Sequence[str], source: Path, opened: set[Path]) -> None:
    if not at:
        for name, child in _children(source, opened).items():
            _put(into, (name,), child, opened)
        return
    name, *rest = at
    node = into.get(name)
    if isinstance(node, Path) and node.is_dir() and (rest or source.is_dir()):
        node = into[name] = dict(_children(node, opened))
    if rest or (isinstance(node, dict) and source.is_dir()):
        if not isinstance(node, dict):
            node = into[name] = {}
        _put(node, rest, source, opened)
    else:
        into[name] = source


def _children(folder: Path, opened: set[Path]) -> dict[str, Path]:
    opened.add(folder)
    return {each.name: each for each in folder.iterdir() if is_code(each.name)}


def _write(tree: dict[str, _Node], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for each in folder.iterdir():
        node = tree.get(each.name)
        if each.name != "__pycache__" and not _matches(each, node):
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    for name, node in tree.items():
        if isinstance(node, dict):
            _write(node, folder / name)
        elif not (folder / name).is_symlink():
            (folder / name).symlink_to(node)


def _matches(path: Path, node: _Node | None) -> bool:
    if isinstance(node, dict):
        return path.is_dir() and not path.is_symlink()
    return node is not None and path.is_symlink() and path.readlink() == node
