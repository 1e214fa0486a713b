"""
Where the code is that `cdk synth` copied into an asset, as that is where a person edits it.

The assembly does not say, so that AWS SAM CLI sees no save before the next `cdk synth`:
https://github.com/aws/aws-sam-cli/issues/3575.
"""

import difflib
import os
from collections.abc import Iterator
from pathlib import Path

from lambda_live.code.code_files import is_code
from lambda_live.project.cdk.cloud_assembly import app_above, assembly_folder

_UNLIKE = 0.5
"""Modules with fewer of their words in common are two: better an old copy than other code."""


class Origins:
    """Finds them for one reading of an app, whose folders are looked through once."""

    def __init__(self) -> None:
        self._folders: dict[Path, list[str]] = {}

    def of(self, asset: Path, module: Path, template: Path) -> list[Path] | None:
        """
        Return the folder that an asset is a copy of; none, or several, if that can't be known.

        Like the asset it has the module, whose path is relative. Of all such folders below that of
        the app, or of its Git repository, it is the one whose code is most alike: it may be edited
        since. What is not in the assembly, as by `cdk synth --no-staging`, is no copy: None.
        """
        assembly = assembly_folder(template)
        if assembly is None or not asset.is_relative_to(assembly):
            return None
        if assembly not in self._folders:
            self._folders[assembly] = list(_folders_beside(assembly))
        having = (
            Path(folder)
            for folder in self._folders[assembly]
            if os.path.isfile(os.path.join(folder, module))  # noqa: PTH113, PTH118  # a fourth of pathlib's time
        )
        alike = {
            folder: _likeness(asset, folder)
            for folder in having
            if _likeness_of(asset / module, folder / module) > _UNLIKE
        }
        best = max(alike.values(), default=0.0)
        return sorted(folder for folder, likeness in alike.items() if likeness == best)


def _folders_beside(assembly: Path) -> Iterator[str]:
    app = app_above(assembly)
    root = next((each for each in (app, *app.parents) if (each / ".git").exists()), app)
    for folder, folders, files in os.walk(root):
        if Path(folder) == assembly or "pyvenv.cfg" in files:
            folders.clear()
            continue
        folders[:] = filter(_is_of_code, folders)
        yield folder


def _likeness(asset: Path, folder: Path) -> float:
    """Return how many modules are the same in both; each that only is like another counts less."""
    shared = (name for name in modules(folder) if (asset / name).is_file())
    return sum(_likeness_of(asset / name, folder / name) for name in shared)


def modules(folder: Path) -> Iterator[Path]:
    """Yield the path of each module of a folder, from there."""
    for below, folders, files in os.walk(folder):
        folders[:] = filter(_is_of_code, folders)
        yield from (Path(below, name).relative_to(folder) for name in files if name.endswith(".py"))


def _is_of_code(folder: str) -> bool:
    return is_code(folder) and folder != "site-packages"


def _likeness_of(one: Path, other: Path) -> float:
    try:
        before, after = one.read_bytes(), other.read_bytes()
    except OSError:  # a link to nowhere, as some editors have, or somebody else's file
        return 0.0
    if before == after:
        return 1.0
    return difflib.SequenceMatcher(None, before.split(), after.split()).ratio()
