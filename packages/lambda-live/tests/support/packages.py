"""Packages of a function's own that nobody has to install."""

from pathlib import Path

from lambda_live.dependencies.requirements import cache_key, find_requirements


def require(project: Path, cache: Path) -> Path:
    """
    Have a project require some; return the folder that they are taken for, and is not there yet.

    The service finds it if XDG_CACHE_HOME is the cache.
    """
    (project / "requirements.txt").write_text("packages-of-the-test\n", encoding="utf-8")
    requirements = find_requirements(project, project)
    assert requirements is not None
    return cache / "lambda-live" / "packages" / cache_key(requirements)
