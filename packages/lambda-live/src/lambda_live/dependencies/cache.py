"""Where the service stores files that it can create again."""

import hashlib
import os
from pathlib import Path


def cache_dir(kind: str) -> Path:
    """
    Return the folder for one kind of file; it may not exist yet.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lambda-live" / kind


def function_dir(folder: Path, template: Path, logical_id: str) -> Path:
    """Return the folder of one function of a template, below a folder that templates share."""
    key = hashlib.sha256(str(template.resolve()).encode()).hexdigest()[:16]
    return folder / key / logical_id
