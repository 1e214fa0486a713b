"""Where the service stores files, after https://specifications.freedesktop.org/basedir-spec/latest/."""

import hashlib
import os
from pathlib import Path


def cache_dir(kind: str) -> Path:
    """Return the folder for one kind of file that can be created again; it may not exist yet."""
    return _base("XDG_CACHE_HOME", ".cache") / "lambda-live" / kind


def state_dir(kind: str) -> Path:
    """Return the folder for one kind of file that outlives the cache; it may not exist yet."""
    return _base("XDG_STATE_HOME", ".local/state") / "lambda-live" / kind


def _base(variable: str, default: str) -> Path:
    """Return the folder that a variable names; a relative one is invalid, and ignored."""
    base = Path(os.environ.get(variable, ""))
    return base if base.is_absolute() else Path.home() / default


def function_dir(folder: Path, template: Path, logical_id: str) -> Path:
    """Return the folder of one function of a template, below a folder that templates share."""
    key = hashlib.sha256(str(template.resolve()).encode()).hexdigest()[:16]
    return folder / key / logical_id
