"""What the commands of a RUN install, and which others there are."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

_NO_WORDS = re.compile(r"^\s*#.*$|\d?>&\d", re.MULTILINE)
"""Comments, and the redirection that has an ampersand."""
_ASSIGNED = re.compile(r"\w+=.*", re.DOTALL)
_PIP = re.compile(r"pip3?(\.\d+)?")
_PACKAGE = re.compile(r"(?!.*\.(?:whl|tar\.gz|zip)$)([A-Za-z][\w.-]*).*")
_SHELLS = ("!", "(", "do", "else", "env", "exec", "if", "sudo", "then", "time", "{")

_KEPT = (
    *("-i", "--index-url", "--extra-index-url", "--trusted-host", "--only-binary", "--no-binary"),
    *("-f", "--find-links", "-c", "--constraint", "-r", "--requirement", "-e", "--editable"),
)
"""Options with a value that a file of requirements can have, too."""

_DROPPED = (
    *("-t", "--target", "--platform", "--python-version", "--implementation", "--abi", "--root"),
    *("--cache-dir", "--prefix", "--progress-bar", "--timeout", "--default-timeout", "--retries"),
    *("--src", "--upgrade-strategy", "--root-user-action", "--log", "--cert", "--client-cert"),
    *("--proxy", "--exists-action", "--config-settings", "-C", "--global-option", "--report"),
    *("--python", "-p", "-w", "--wheel-dir", "--index-strategy", "--link-mode"),
)
"""Those whose value says how the image is made, and not of what."""

_TOOLS = (
    *("awslambdaric", "build", "hatch", "pdm", "pip", "pip-tools", "pipenv", "poetry", "uv"),
    *("poetry-core", "poetry-plugin-export", "setuptools", "virtualenv", "wheel"),
)
"""What a function does not import, or has here without it."""

_PROJECTS = ("pdm", "pipenv", "poetry", "uv")
"""Tools that install what a project declares, or write it for pip."""

_WITHOUT_EFFECT = (
    *("[", "cd", "chmod", "chown", "done", "echo", "exit", "export", "false", "fi", "find", "ls"),
    *("mkdir", "printf", "pwd", "rm", "rmdir", "set", "test", "touch", "true", "which"),
    *("}", ")"),
)
_PIPED = (["bash"], ["bash", "-"], ["python", "-"], ["python3", "-"], ["sh"], ["sh", "-"])
"""What runs what the command before it writes, which is told."""

_TOOLS_OWN = ("install.python-poetry.org", "astral.sh/uv")
_HOUSEKEEPING = ("autoremove", "clean", "makecache", "purge", "update", "upgrade")


@dataclass(slots=True)
class Installed:
    """
    The lines of requirements that pip would be given; files of them are named apart.

    It installs its `own` project if that is what it names, or what a tool does with its lock.
    """

    lines: list[str] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)
    """The option, and its file."""

    own: bool = False
    any: bool = False
    """Whether it installs anything, be it a tool that is not listed."""


def read(script: str, installed: Installed) -> Iterator[str]:
    """Add what a script installs, and return those of its commands that do something else."""
    for words in _commands(script):
        given = _given_to_pip(words)
        if given is not None:
            installed.any = True
            _add(given, installed)
        elif words[0] in _PROJECTS:
            installed.own = True
        elif not _is_without_effect(words):
            yield shlex.join(words)


def _commands(script: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(_NO_WORDS.sub("", script), posix=True, punctuation_chars=";&|\n")
    lexer.whitespace = " \t\r"
    lexer.commenters = ""
    lexer.whitespace_split = True
    words: list[str] = []
    for word in (*lexer, ";"):
        if not set(word) <= set(";&|\n"):
            words.append(word)
            continue
        while words and (words[0] in _SHELLS or _ASSIGNED.fullmatch(words[0])):
            del words[0]
        if words:
            yield words
        words = []


def _given_to_pip(words: Sequence[str]) -> list[str] | None:
    for at, word in enumerate(words[:5]):
        if _PIP.fullmatch(PurePosixPath(word).name) and (at == 0 or words[at - 1] in ("-m", "uv")):
            rest = list(words[at + 1 :])
            while rest and rest[0].startswith("-"):
                del rest[0]
            if rest and rest[0] in ("install", "wheel"):
                return rest[1:]
            return []
    return None


def _add(given: list[str], installed: Installed) -> None:
    words = iter(given)
    for word in words:
        option, equals, value = word.partition("=")
        if option in _DROPPED:
            _ = equals or next(words, "")
        elif option in _KEPT:
            _add_option(option, value if equals else next(words, ""), installed)
        elif option in ("--pre", "--prefer-binary", "--require-hashes"):
            installed.lines.append(option)
        elif not option.startswith("-"):
            _add_named(word, installed)


def _add_option(option: str, value: str, installed: Installed) -> None:
    if option in ("-r", "--requirement", "-c", "--constraint"):
        installed.files.append((option, value))
    elif option in ("-e", "--editable"):
        installed.own = True
    elif "://" in value or option not in ("-f", "--find-links"):
        installed.lines.append(f"{option} {value}")


def _add_named(word: str, installed: Installed) -> None:
    package = _PACKAGE.fullmatch(word)
    if package is None or (":/" not in word and "/" in word):
        installed.own = installed.own or word.startswith((".", "/"))
    elif package[1].lower() not in _TOOLS:
        installed.lines.append(word)


def _is_without_effect(words: Sequence[str]) -> bool:
    name = PurePosixPath(words[0]).name
    if list(words) in _PIPED or any(tool in word for tool in _TOOLS_OWN for word in words):
        return True
    if name in ("apk", "apt", "apt-get", "dnf", "microdnf", "yum"):
        actions = [word for word in words[1:] if not word.startswith("-")]
        return not actions or actions[0] in _HOUSEKEEPING
    return name in _WITHOUT_EFFECT or (name.startswith("python") and "compileall" in words)
