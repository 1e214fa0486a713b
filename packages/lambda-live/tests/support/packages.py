"""A requirement that counts as installed."""

from pathlib import Path

from lambda_live.dependencies.pip_input import cache_key
from lambda_live.dependencies.requirements import find_requirements


def require(project: Path, cache: Path) -> Path:
    """
    Add a requirement to a project; return the folder of its packages, which the caller creates.

    The service finds it if XDG_CACHE_HOME is `cache`.
    """
    (project / "requirements.txt").write_text("packages-of-the-test\n", encoding="utf-8")
    requirements = find_requirements(project, project)
    assert requirements is not None
    return cache / "lambda-live" / "packages" / cache_key(requirements)
