"""Say how to add the package that an error says is missing."""

import re
import sys
from pathlib import Path

from lambda_live.dependencies.requirements import (
    POETRY_LOCK,
    PYPROJECT,
    UV_LOCK,
    is_generated,
    poetry_command,
    requirement_folders,
)
from lambda_live.model.invocation import Result
from lambda_live.model.template_error import short_path
from lambda_live.model.text_files import text_or_empty
from lambda_live.telemetry.source_location import error_message, innermost_frame

_MISSING_MODULE = re.compile(r"No module named '(?P<module>[^']+)'")
_MODULE_NOT_FOUND = "ModuleNotFoundError"
_INSTALLED = "/site-packages/"
_DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Packages on PyPI whose name differs from that of their module."""

_REMOVED = {
    *("aifc", "asynchat", "asyncore", "audioop", "cgi", "cgitb", "chunk", "crypt", "distutils"),
    *("imghdr", "imp", "lib2to3", "mailcap", "nis", "nntplib", "ossaudiodev", "pipes", "smtpd"),
    *("sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"),
}
"""Modules that Python 3.12 and 3.13 removed. Source: https://docs.python.org/3/whatsnew/3.13.html"""


def _add_command(root: Path, project: Path, package: str) -> str:
    """Return the command or the edit that adds a package to a function."""
    own = root / "requirements.txt"
    if own.is_file() and not is_generated(own, root, project):
        return f"add {package} to {short_path(own)}"
    for folder in requirement_folders(root, project):
        if (folder / POETRY_LOCK).is_file():
            return f"{poetry_command(project)} add {package}"
        if (folder / UV_LOCK).is_file():
            return f"uv add {package}"
        if "[project]" in text_or_empty(file := folder / PYPROJECT):
            return f"add {package} to the dependencies in {short_path(file)}"
    return f"add {package} to {short_path(own)}"


def missing_module_advice(message: str, root: Path, project: Path) -> str:
    """
    Return what adds the package that an error says is missing: a command, or what to edit.

    It is empty for a part of a package that exists, for the handler's module, and for other errors.
    """
    missing = _MISSING_MODULE.search(message)
    module = missing["module"] if missing else ""
    if module.partition(".")[0] in _REMOVED - sys.stdlib_module_names:
        return f"newer versions of Python have no {module}; update the package that imports it"
    if (
        not module
        or "." in module  # Python names the first part that is missing
        or f"Unable to import module '{module}'" in message
        or module in sys.stdlib_module_names
        or (root / module).is_dir()
        or (root / f"{module}.py").is_file()
    ):
        return ""
    command = _add_command(root, project, _DISTRIBUTIONS.get(module, module))
    return command if command.startswith("add ") else f"run {command}"


def explain_error(result: Result, root: Path, project: Path) -> str:
    """Return the message of an error, with how to add the package if a module is missing."""
    message = error_message(result)
    frame = innermost_frame(result, Path("/"))
    is_import = result.error_type in {_MODULE_NOT_FOUND, "Runtime.ImportModuleError"}
    is_own = is_import and not (frame and _INSTALLED in frame[0])
    advice = missing_module_advice(message, root, project) if is_own else ""
    return f"{message}; {advice}" if advice else message


def explain_load_error(location: str, root: Path, project: Path) -> str:
    """Return `PATH:LINE: ERROR`, with how to add the package if a module is missing."""
    path, error, message = location.partition(f": {_MODULE_NOT_FOUND}: ")
    is_own = error and _INSTALLED not in path
    advice = missing_module_advice(message, root, project) if is_own else ""
    return f"{location}; {advice}" if advice else location
