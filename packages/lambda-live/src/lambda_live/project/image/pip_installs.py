"""The packages that the commands of a RUN instruction install."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_COMMENT_OR_REDIRECTION = re.compile(r"^\s*#.*$|\d?>&\d", re.MULTILINE)
_ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)
_PIP = re.compile(r"pip3?(\.\d+)?")
_PACKAGE = re.compile(r"(?!.*\.(?:whl|tar\.gz|zip)$)([A-Za-z][\w.-]*).*")
_PREFIXES = ("!", "(", "do", "else", "env", "exec", "if", "sudo", "then", "time", "{")
"""Words before a command."""

_FILE_OPTIONS = ("-r", "--requirement", "-c", "--constraint")
_PROJECT_OPTIONS = ("-e", "--editable")
_INDEX_OPTIONS = (
    *("-i", "--index-url", "--extra-index-url", "--trusted-host", "--only-binary", "--no-binary"),
    *("-f", "--find-links"),
)
"""Options with a value that a requirements file can contain, too."""

_FLAGS = ("--pre", "--prefer-binary", "--require-hashes")
_IMAGE_OPTIONS = (
    *("-t", "--target", "--platform", "--python-version", "--implementation", "--abi", "--root"),
    *("--cache-dir", "--prefix", "--progress-bar", "--timeout", "--default-timeout", "--retries"),
    *("--src", "--upgrade-strategy", "--root-user-action", "--log", "--cert", "--client-cert"),
    *("--proxy", "--exists-action", "--config-settings", "-C", "--global-option", "--report"),
    *("--python", "-p", "-w", "--wheel-dir", "--index-strategy", "--link-mode"),
)
"""Options with a value that only matters inside the image."""

_PROJECT_TOOLS = ("pdm", "pipenv", "poetry", "uv")
"""Tools that install what the project declares."""

_BUILD_TOOLS = (
    *("awslambdaric", "build", "hatch", "pip", "pip-tools", "poetry-core", "poetry-plugin-export"),
    *("setuptools", "virtualenv", "wheel", *_PROJECT_TOOLS),
)
"""Packages that functions do not import, or that the service provides."""

_HARMLESS = (
    *("[", "cd", "chmod", "chown", "done", "echo", "exit", "export", "fi", "find", "ls", "mkdir"),
    *("printf", "pwd", "rm", "set", "test", "touch", "true", "which", "}", ")"),
)
"""Commands whose effect on the image the function does not need, unless they write to a file."""

_WRITES = re.compile(r">>?(?!\s*/dev/)")


@dataclass(slots=True)
class PipInstalls:
    """
    What a RUN instruction installs.

    `lines` are lines of a requirements file, `files` are pairs such as `-r` and a path.
    """

    lines: list[str] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    installs_project: bool = False
    installs_anything: bool = False


def read_commands(script: str, installs: PipInstalls) -> Iterator[str]:
    """Add what a script installs, and yield the commands that are not interpreted."""
    for words in _commands(script):
        arguments = _pip_arguments(words)
        if arguments is not None:
            installs.installs_anything = True
            _add_arguments(arguments, installs)
        elif words[0] in _PROJECT_TOOLS:
            installs.installs_project = installs.installs_anything = True
        elif PurePosixPath(words[0]).name not in _HARMLESS or _WRITES.search(" ".join(words)):
            yield shlex.join(words)


def _commands(script: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(
        _COMMENT_OR_REDIRECTION.sub("", script), posix=True, punctuation_chars=";&|\n"
    )
    lexer.whitespace = " \t\r"
    lexer.commenters = ""
    lexer.whitespace_split = True
    words: list[str] = []
    for word in (*lexer, ";"):
        if not set(word) <= set(";&|\n"):
            words.append(word)
            continue
        while words and (words[0] in _PREFIXES or _ASSIGNMENT.fullmatch(words[0])):
            del words[0]
        if words:
            yield words
        words = []


def _pip_arguments(words: Sequence[str]) -> list[str] | None:
    """Return the arguments of `pip install`; an empty list for other pip commands, else None."""
    for at, word in enumerate(words[:5]):
        if _PIP.fullmatch(PurePosixPath(word).name) and (at == 0 or words[at - 1] in ("-m", "uv")):
            rest = list(words[at + 1 :])
            while rest and rest[0].startswith("-"):
                del rest[0]
            return rest[1:] if rest and rest[0] in ("install", "wheel") else []
    return None


def _add_arguments(arguments: list[str], installs: PipInstalls) -> None:
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if option in _FLAGS:
            installs.lines.append(option)
        elif option in (*_FILE_OPTIONS, *_PROJECT_OPTIONS, *_INDEX_OPTIONS, *_IMAGE_OPTIONS):
            _add_option(option, value if equals else next(words, ""), installs)
        elif not option.startswith("-"):
            _add_package(word, installs)


def _add_option(option: str, value: str, installs: PipInstalls) -> None:
    if option in _FILE_OPTIONS:
        installs.files.append((option, value))
    elif option in _PROJECT_OPTIONS:
        installs.installs_project = True
    elif option in _INDEX_OPTIONS and ("://" in value or option not in ("-f", "--find-links")):
        installs.lines.append(f"{option} {value}")


def _add_package(word: str, installs: PipInstalls) -> None:
    package = _PACKAGE.fullmatch(word)
    if package is None or (":/" not in word and "/" in word):
        installs.installs_project |= word.startswith((".", "/"))
    elif package[1].lower() not in _BUILD_TOOLS:
        installs.lines.append(word)
