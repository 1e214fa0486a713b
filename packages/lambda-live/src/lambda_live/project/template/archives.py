"""Code that is a zip archive already, as AWS takes it, too: unpacked once."""

import hashlib
import shutil
import tempfile
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from lambda_live.model.template_error import UnsupportedFunctionError


def unpacked(archive: Path, folder: Path) -> Path:
    """Return the folder of its files, below another. Raises UnsupportedFunctionError."""
    try:
        stat = archive.stat()
        known = f"{archive} {stat.st_size} {stat.st_mtime_ns}"
        target = folder / hashlib.sha256(known.encode()).hexdigest()[:16]
        if not target.is_dir():
            _unpack(archive, target)
    except (OSError, BadZipFile, RuntimeError, NotImplementedError) as error:
        message = f"its code is an archive, {archive}, that can't be unpacked: {error}"
        raise UnsupportedFunctionError(message) from error
    return target


def _unpack(archive: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        with ZipFile(archive) as zipped:
            zipped.extractall(partial)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
