"""Packages that a measured function requires, from a folder that has them."""

from pathlib import Path

from support.packages import require


def provide(project: Path, packages: str) -> dict[str, str]:
    """Have the project's function find them; return the variables that the service needs."""
    cache = project / ".cache"
    required = require(project, cache)
    required.parent.mkdir(parents=True, exist_ok=True)
    if not required.exists():
        required.symlink_to(packages, target_is_directory=True)
    return {"XDG_CACHE_HOME": str(cache)}
