"""Where this service keeps what can be made again, outside all projects."""

import hashlib
import os
from pathlib import Path


def cache_dir(kind: str) -> Path:
    """
    Return the folder of one kind of it, which may not be there yet.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lambda-live" / kind


def function_dir(folder: Path, template: Path, logical_id: str) -> Path:
    """Return the one of a function of that template, below a folder that all templates share."""
    key = hashlib.sha256(str(template.resolve()).encode()).hexdigest()[:16]
    return folder / key / logical_id
