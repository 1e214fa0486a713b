"""
Find the Python that a function's `Runtime` names on this machine.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

import shutil
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from lambda_live.model.interpreter import SERVICE_INTERPRETER, Interpreter
from lambda_live.model.requirements import Requirements

_INSTALLED = (
    ".local/share/mise/installs/python/{number}*/bin/{name}",
    ".local/share/uv/python/cpython-{number}*/bin/{name}",
    ".pyenv/versions/{number}*/bin/{name}",
)
"""Where mise, uv and pyenv install Python, below the home directory."""

_QUERY = "import platform, sys; print(sys.executable); print(platform.python_version())"
_QUERY_TIMEOUT_SECONDS = 10
_MIN_VERSION = (3, 12)
"""The oldest version that the service's part of an environment supports."""

_PREVIEWS = ("python3.15",)
"""Runtimes that AWS may still change."""

_RUNTIME_PACKAGES = ("awslambdaric", "boto3", "debugpy")
"""The packages of AWS's image, and the debugger."""


def is_supported(runtime: str) -> bool:
    """Return whether functions of this AWS runtime can run."""
    return tuple(map(int, runtime.removeprefix("python").split("."))) >= _MIN_VERSION


@lru_cache
def find_interpreter(runtime: str) -> Interpreter | None:
    """Return the Python of an AWS runtime, None if it is not supported or not installed."""
    if runtime == SERVICE_INTERPRETER.runtime:
        return SERVICE_INTERPRETER
    if not is_supported(runtime):
        return None
    found = map(_query, _candidates(runtime, runtime.removeprefix("python")))
    return next((each for each in found if each and each.runtime == runtime), None)


def _candidates(name: str, number: str) -> Iterator[str]:
    if found := shutil.which(name):
        yield found
    for pattern in _INSTALLED:
        for path in sorted(Path.home().glob(pattern.format(number=number, name=name))):
            yield str(path)


def _query(path: str) -> Interpreter | None:
    try:
        # -I: PYTHONPATH may name packages of another version, and the folder may have a types.py
        result = subprocess.run(  # noqa: S603  # a Python that was found by its name
            [path, "-I", "-c", _QUERY],
            capture_output=True,
            text=True,
            check=True,
            timeout=_QUERY_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    executable, number = result.stdout.split("\n")[:2]
    return Interpreter(executable, number)


def choose_interpreter(runtime: str) -> Interpreter:
    """Return the Python of an AWS runtime, else the nearest one that is installed."""
    if (found := find_interpreter(runtime)) is not None:
        return found
    wanted = _minor(runtime)
    own = _minor(SERVICE_INTERPRETER.runtime)
    minors = {own, *range(_MIN_VERSION[1], wanted)} if is_supported(runtime) else {own}
    nearest = sorted(minors, key=lambda minor: (abs(minor - wanted), minor != own))
    installed = (find_interpreter(f"python3.{minor}") for minor in nearest)
    return next(each for each in installed if each is not None)


def _minor(runtime: str) -> int:
    return int(runtime.rpartition(".")[2])


def explain_substitute(name: str, runtime: str) -> str | None:
    """Return a notice if functions of this runtime run on another Python instead."""
    if find_interpreter(runtime) is not None:
        return None
    why = "is not installed" if is_supported(runtime) else "is not supported"
    if runtime in _PREVIEWS:
        why = f"is a preview on AWS and {why}"
    return (
        f"{name}: {runtime} {why}; running on Python {choose_interpreter(runtime).version} instead"
    )


def runtime_requirements(python: Interpreter) -> Requirements | None:
    """Return the packages of AWS's runtime for a Python, None for the service's, which has them."""
    if python == SERVICE_INTERPRETER:
        return None
    text = "".join(map(_pinned, _RUNTIME_PACKAGES))
    return Requirements(Path(f"AWS's runtime for {python.runtime}"), text, python=python)


def _pinned(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # takes 12 ms, and few functions need it

    try:
        return f"{name}=={version(name)}\n"
    except PackageNotFoundError:
        return f"{name}\n"
