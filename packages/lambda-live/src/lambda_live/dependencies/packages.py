"""Requirements as a directory of packages, installed apart from those of this service."""

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
"""Seconds between two words on how far it is."""


def _ignore(_: subprocess.Popen[str]) -> None:
    pass


def install_dir(requirements: Requirements) -> Path:
    """Return where what they name is kept, for as long as they and the Python stay the same."""
    return cache_dir("packages") / cache_key(requirements)


def install(
    requirements: Requirements,
    log: Callable[[str], None],
    on_started: Callable[[subprocess.Popen[str]], None] = _ignore,
) -> Path:
    """
    Return the directory with what they name.

    `began` is given pip's process, whose end ends the installation in an error.

    Raises:
        InstallError: pip could not install them.
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
    say: Callable[[str], None],
    began: Callable[[subprocess.Popen[str]], None],
) -> None:
    other = (
        ()
        if requirements.python == SERVICE_INTERPRETER
        else ("--python", requirements.python.executable)
    )
    command = [sys.executable, "-P", "-m", "pip", *other, "install", "--compile"]
    command.append("--disable-pip-version-check")
    listed = requirements.source
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as errors:
        if listed.name != "requirements.txt":
            copy_requirements(requirements, Path(directory))
            listed = Path(directory) / "requirements.txt"
        with subprocess.Popen(  # noqa: S603
            [*command, "--progress-bar=off", "--target", target, "--requirement", listed],
            cwd=requirements.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            errors="replace",
        ) as pip:
            began(pip)
            _log_progress(pip.stdout or (), say)
        errors.seek(0)
        if pip.returncode != 0:
            message = f"{requirements.label} can't be installed:\n{errors.read().strip()}"
            raise InstallError(message)


def _log_progress(lines: Iterable[str], say: Callable[[str], None]) -> None:
    told = time.monotonic()
    for line in lines:
        if (
            line.lstrip().startswith(_PROGRESS)
            and time.monotonic() - told > _PROGRESS_INTERVAL_SECONDS
        ):
            told = time.monotonic()
            say(f"  {line.strip()}")
