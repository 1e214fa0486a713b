"""
Which Python runs a function: the one that its `Runtime` names, if it is on this machine.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from lambda_live.model.requirements import Requirements

_INSTALLED = (
    ".local/share/mise/installs/python/{number}*/bin/{name}",
    ".local/share/uv/python/cpython-{number}*/bin/{name}",
    ".pyenv/versions/{number}*/bin/{name}",
)
"""Where mise, uv and pyenv keep those that they have installed, below a person's home."""

_QUERY = "import platform, sys; print(sys.executable); print(platform.python_version())"
_MIN_VERSION = (3, 12)
"""The least version that the service's part of an environment runs on."""

_RUNTIME_PACKAGES = ("awslambdaric", "boto3", "debugpy")
"""What AWS's image brings, and the debugger."""


def is_supported(runtime: str) -> bool:
    """Whether one of AWS's runtimes has a Python that functions can be run on here."""
    return tuple(map(int, runtime.removeprefix("python").split("."))) >= _MIN_VERSION


@lru_cache
def find_interpreter(runtime: str) -> Interpreter | None:
    """Return the Python of one of AWS's runtimes, None if it can't be had here."""
    if runtime == SERVICE_INTERPRETER.runtime:
        return SERVICE_INTERPRETER
    if not is_supported(runtime):
        return None
    number = runtime.removeprefix("python")
    answers = (_query(path) for path in _candidates(runtime, number))
    return next((found for found in answers if found and found.runtime == runtime), None)


def _candidates(name: str, number: str) -> Iterator[str]:
    if found := shutil.which(name):
        yield found
    for pattern in _INSTALLED:
        for path in sorted(Path.home().glob(pattern.format(number=number, name=name))):
            yield str(path)


def _query(path: str) -> Interpreter | None:
    # without the service's own packages, which are another version's
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        told = subprocess.run(  # noqa: S603  # a Python that was found by its name
            [path, "-c", _QUERY],
            env=environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    executable, number = told.stdout.split("\n")[:2]
    return Interpreter(executable, number)


def explain_substitute(name: str, runtime: str) -> str | None:
    """Return the sentence on a runtime that is not here."""
    if find_interpreter(runtime) is not None:
        return None
    why = "is not on this machine" if is_supported(runtime) else "is too old to run here"
    return f"{name}: {runtime} {why}, so Python {SERVICE_INTERPRETER.version} stands in for it"


def runtime_requirements(python: Interpreter) -> Requirements | None:
    """Return what AWS's runtime brings, if that Python has not what this service has."""
    if python == SERVICE_INTERPRETER:
        return None
    text = "".join(map(_pinned, _RUNTIME_PACKAGES))
    return Requirements(Path(f"AWS's runtime for {python.runtime}"), text, python=python)


def _pinned(name: str) -> str:
    try:
        return f"{name}=={version(name)}\n"
    except PackageNotFoundError:
        return f"{name}\n"
