"""Requirements as a directory of packages, installed apart from those of this service."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from lambda_local.code.requirements import InstallError, Requirements


def install(requirements: Requirements, say: Callable[[str], None]) -> Path:
    """
    Return the directory with what they name.

    It is kept for as long as they and the Python stay the same.

    Raises:
        InstallError: pip could not install them.
    """
    directory = _cache() / requirements.key()
    if directory.is_dir():
        return directory
    say(f"installing {requirements.source}")
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=directory.parent))
    try:
        _pip(requirements, partial)
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return directory


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lambda-local" / "packages"


def _pip(requirements: Requirements, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    listed = requirements.source
    with tempfile.TemporaryDirectory() as directory:
        if listed.name != "requirements.txt":
            listed = Path(directory) / "requirements.txt"
            listed.write_text(requirements.text, encoding="utf-8")
        result = subprocess.run(  # noqa: S603
            [*command, "--target", target, "--requirement", listed],
            cwd=requirements.directory,
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode != 0:
        message = f"{requirements.source} can't be installed:\n{result.stderr.strip()}"
        raise InstallError(message)
