"""Where the service stores files, after https://specifications.freedesktop.org/basedir-spec/latest/."""

import hashlib
import os
from pathlib import Path


def cache_dir(kind: str) -> Path:
    """Return the folder for one kind of file that can be created again; it may not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lambda-live" / kind


def state_dir(kind: str) -> Path:
    """Return the folder for one kind of file that outlives the cache; it may not exist yet."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "lambda-live" / kind


def function_dir(folder: Path, template: Path, logical_id: str) -> Path:
    """Return the folder of one function of a template, below a folder that templates share."""
    key = hashlib.sha256(str(template.resolve()).encode()).hexdigest()[:16]
    return folder / key / logical_id
