"""
Find the folder that `cdk synth` copied an asset from, because that is the folder a person edits.

The cloud assembly has the copy only. AWS SAM CLI runs the copy, so a save has no effect before the
next `cdk synth` (https://github.com/aws/aws-sam-cli/issues/3575).

A folder is the source if it has all Python files of the asset, except those of installed packages,
with equal content. Similar files are not enough: a wrong guess would run other code. A match is
stored in the cache, because the source differs from the asset as soon as it is edited. An asset's
path contains the hash of its content, so a stored match stays valid. If no folder matches, or more
than one does, the function runs the copy, and the user can name the source.
"""

import csv
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from lambda_live.code.code_files import is_code
from lambda_live.dependencies.cache import cache_dir
from lambda_live.project.cdk.cloud_assembly import app_of_assembly, assembly_folder


class AssetSourceFinder:
    """Finds the sources of assets, and lists the folders of each app once."""

    def __init__(self) -> None:
        self._folders: dict[Path, list[str]] = {}
        self._with_file: dict[tuple[Path, Path], list[Path]] = {}

    def find(self, asset: Path, known_file: Path, template: Path) -> list[Path] | None:
        """
        Return the folders that match an asset, or None if it is outside the cloud assembly.

        Each contains `known_file`, a relative path. Searched is the app's Git repository, or the
        app's folder without one. `cdk synth --no-staging` copies nothing, so it needs no search.
        """
        assembly = assembly_folder(template)
        if assembly is None or not asset.is_relative_to(assembly):
            return None
        stored = cache_dir("asset-sources") / hashlib.sha256(str(asset).encode()).hexdigest()
        if (source := _read_source(stored, known_file)) is not None:
            return [source]
        found = self._matches(assembly, asset, known_file)
        if len(found) == 1:
            _write_source(stored, found[0])
        return found

    def _matches(self, assembly: Path, asset: Path, known_file: Path) -> list[Path]:
        files = set(python_files(asset)) - set(_installed_files(asset))
        equal: list[Path] = []
        larger: list[Path] = []
        for folder in self._candidates(assembly, known_file):
            if any(_read(asset / file) != _read(folder / file) for file in (known_file, *files)):
                continue
            # CDK can exclude files from an asset, so the source may have more.
            (equal if set(python_files(folder)) == files else larger).append(folder)
        return sorted(equal or larger)

    def _candidates(self, assembly: Path, known_file: Path) -> list[Path]:
        """Return the folders that contain the file."""
        if assembly not in self._folders:
            self._folders[assembly] = list(_folders_beside(assembly))
        key = assembly, known_file
        if key not in self._with_file:
            self._with_file[key] = [
                Path(folder)
                for folder in self._folders[assembly]
                if os.path.isfile(os.path.join(folder, known_file))  # noqa: PTH113, PTH118  # four times as fast as pathlib
            ]
        return self._with_file[key]


def _folders_beside(assembly: Path) -> Iterator[str]:
    app = app_of_assembly(assembly)
    root = next((each for each in (app, *app.parents) if (each / ".git").exists()), app)
    for folder, folders, files in os.walk(root):
        if Path(folder) == assembly or "pyvenv.cfg" in files:
            folders.clear()
            continue
        folders[:] = filter(_is_code_folder, folders)
        yield folder


def python_files(folder: Path) -> Iterator[Path]:
    """Yield the relative path of each Python file of a folder."""
    for below, folders, files in os.walk(folder):
        folders[:] = filter(_is_code_folder, folders)
        names = (name for name in files if name.endswith(".py"))
        paths = (os.path.join(below, name) for name in names)  # noqa: PTH118  # as above
        yield from (Path(path).relative_to(folder) for path in paths if os.path.isfile(path))  # noqa: PTH113  # as above


def _installed_files(asset: Path) -> Iterator[Path]:
    """
    Yield the files of the packages in a bundled asset.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    for record in asset.glob("*.dist-info/RECORD"):
        with record.open(encoding="utf-8", newline="") as rows:
            yield from (Path(path) for path, *_ in filter(None, csv.reader(rows)))


def _is_code_folder(name: str) -> bool:
    return is_code(name) and name != "site-packages"


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:  # a broken link, such as an editor's lock, or another user's file
        return None


def _read_source(stored: Path, known_file: Path) -> Path | None:
    try:
        source = Path(stored.read_text(encoding="utf-8"))
    except OSError:
        return None
    return source if (source / known_file).is_file() else None


def _write_source(stored: Path, source: Path) -> None:
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(str(source), encoding="utf-8")
    except OSError:
        return  # without the cache only the unedited source is found
