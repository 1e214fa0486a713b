"""
A function's own dependencies, installed apart from those of this service.

Source: https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path


class InstallError(Exception):
    """pip could not install them; the text is what it said."""


def install(root: Path, say: Callable[[str], None]) -> Path | None:
    """
    Return the directory with what a code root's requirements.txt names; None if there is none.

    It is kept for as long as that file and the Python stay the same. Raises InstallError.
    """
    requirements = root / "requirements.txt"
    if not requirements.is_file() or not _names_any(requirements):
        return None
    directory = _cache() / _key(requirements)
    if not directory.is_dir():
        say(f"installing {requirements}")
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=directory.parent))
        try:
            _pip(requirements, partial)
            partial.rename(directory)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return directory


def _names_any(requirements: Path) -> bool:
    lines = requirements.read_text(encoding="utf-8-sig").splitlines()
    return any(line.strip() and not line.strip().startswith("#") for line in lines)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lambda-local" / "packages"


def _key(requirements: Path) -> str:
    # A file that it includes (-r) is taken to change with it.
    made_of = f"{platform.python_version()} {platform.machine()} {requirements}\n".encode()
    return hashlib.sha256(made_of + requirements.read_bytes()).hexdigest()[:32]


def _pip(requirements: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    result = subprocess.run(  # noqa: S603
        [*command, "--target", target, "--requirement", requirements],
        cwd=requirements.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        message = f"{requirements} can't be installed:\n{result.stderr.strip()}"
        raise InstallError(message)
