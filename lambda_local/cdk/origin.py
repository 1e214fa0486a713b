"""
Where the code is that `cdk synth` copied into an asset, as that is where a person edits it.

The assembly does not say, so that AWS SAM CLI sees no save before the next `cdk synth`:
https://github.com/aws/aws-sam-cli/issues/3575.
"""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from lambda_local.cdk.cloud_assembly import app_of, assembly_of

_NO_CODE = ("__pycache__", "node_modules", "site-packages")
_UNLIKE = 0.5
"""Modules with fewer of their words in common are two: better an old copy than other code."""


def is_copy(asset: Path, template: Path) -> bool:
    """Whether an asset is in the assembly; by `cdk synth --no-staging` it is the code itself."""
    assembly = assembly_of(template)
    return assembly is not None and asset.is_relative_to(assembly)


def origins(asset: Path, module: Path, template: Path) -> list[Path]:
    """
    Return the folder that an asset is a copy of; none, or several, if that can't be known.

    Like the asset it has the module, whose path is relative. Of all such folders below that of the
    app, or of its Git repository, it is the one whose code is most alike: it may be edited since.
    """
    app, assembly = app_of(template), assembly_of(template)
    if app is None or assembly is None:
        return []
    root = next((each for each in (app, *app.parents) if (each / ".git").exists()), app)
    alike = {
        folder: _likeness(asset, folder)
        for folder in _having(module, root, assembly)
        if _likeness_of(asset / module, folder / module) > _UNLIKE
    }
    best = max(alike.values(), default=0.0)
    return sorted(folder for folder, likeness in alike.items() if likeness == best)


def _having(module: Path, root: Path, assembly: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        if Path(folder) == assembly or "pyvenv.cfg" in files:
            folders.clear()
            continue
        folders[:] = _of_code(folders)
        if Path(folder, module).is_file():
            yield Path(folder)


def _likeness(asset: Path, folder: Path) -> float:
    """Return how many modules are the same in both; each that only is like another counts less."""
    shared = (name for name in modules(folder) if (asset / name).is_file())
    return sum(_likeness_of(asset / name, folder / name) for name in shared)


def modules(folder: Path) -> Iterator[Path]:
    """Yield the path of each module of a folder, from there."""
    for below, folders, files in os.walk(folder):
        folders[:] = _of_code(folders)
        yield from (Path(below, name).relative_to(folder) for name in files if name.endswith(".py"))


def _of_code(folders: list[str]) -> list[str]:
    return [name for name in folders if not name.startswith(".") and name not in _NO_CODE]


def _likeness_of(one: Path, other: Path) -> float:
    try:
        before, after = one.read_bytes(), other.read_bytes()
    except OSError:  # a link to nowhere, as some editors have, or somebody else's file
        return 0.0
    if before == after:
        return 1.0
    return difflib.SequenceMatcher(None, before.split(), after.split()).ratio()
