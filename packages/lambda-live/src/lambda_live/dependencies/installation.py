"""Install requirements into a directory of the cache, apart from the service's own packages."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from lambda_live.dependencies.cache import cache_dir
from lambda_live.dependencies.requirements import cache_key, copy_requirements
from lambda_live.model.interpreter import SERVICE_INTERPRETER
from lambda_live.model.requirements import InstallError, Requirements

_PROGRESS = ("Building wheel", "Collecting", "Downloading")
_PROGRESS_INTERVAL_SECONDS = 2.0


def _ignore(_: subprocess.Popen[str]) -> None:
    pass


def install_dir(requirements: Requirements) -> Path:
    """Return the directory of the packages, which depends on the requirements and the Python."""
    return cache_dir("packages") / cache_key(requirements)


def install(
    requirements: Requirements,
    log: Callable[[str], None],
    on_started: Callable[[subprocess.Popen[str]], None] = _ignore,
) -> Path:
    """
    Install requirements unless the cache has them; return the directory.

    `on_started` receives pip's process. Killing it makes the installation fail.

    Raises:
        InstallError: pip failed.
    """
    directory = install_dir(requirements)
    if directory.is_dir():
        return directory
    log(f"installing {requirements.label}")
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=directory.parent))
    try:
        _run_pip(requirements, partial, log, on_started)
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return directory


def _run_pip(
    requirements: Requirements,
    target: Path,
    log: Callable[[str], None],
    on_started: Callable[[subprocess.Popen[str]], None],
) -> None:
    python = requirements.python
    other = () if python == SERVICE_INTERPRETER else ("--python", python.executable)
    # -P: pip runs in the project's folder, which may have a types.py
    command = [sys.executable, "-P", "-m", "pip", *other, "install", "--compile"]
    command += ["--disable-pip-version-check", "--progress-bar=off"]
    file = requirements.source
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as errors:
        if file.name != "requirements.txt":
            copy_requirements(requirements, Path(directory))
            file = Path(directory) / "requirements.txt"
        with subprocess.Popen(  # noqa: S603  # pip, with the user's own files
            [*command, "--target", target, "--requirement", file],
            cwd=requirements.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
        ) as pip:
            on_started(pip)
            _log_progress(pip.stdout or (), log)
        errors.seek(0)
        if pip.returncode != 0:
            message = f"{requirements.label} can't be installed:\n{errors.read().strip()}"
            raise InstallError(message)


def _log_progress(lines: Iterable[str], log: Callable[[str], None]) -> None:
    next_time = time.monotonic() + _PROGRESS_INTERVAL_SECONDS
    for line in lines:
        if line.lstrip().startswith(_PROGRESS) and time.monotonic() > next_time:
            next_time = time.monotonic() + _PROGRESS_INTERVAL_SECONDS
            log(f"  {line.strip()}")
