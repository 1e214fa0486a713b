"""Requirements of a measured function, taken from an existing folder."""

from pathlib import Path

from support.packages import require


def provide_packages(project: Path, packages: str) -> dict[str, str]:
    """Link the packages as installed requirements; return variables for the service."""
    cache = project / ".cache"
    required = require(project, cache)
    required.parent.mkdir(parents=True, exist_ok=True)
    if not required.exists():
        required.symlink_to(packages, target_is_directory=True)
    return {"XDG_CACHE_HOME": str(cache)}
