"""The argument parser of all commands: an error is one line, without the usage."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, override

from lambda_live.telemetry.sanitize import sanitize


def log(text: str) -> None:
    """Print a line to standard error."""
    lines = "\n".join(map(sanitize, text.split("\n")))
    sys.stderr.write(f"lambda-live: {lines}\n")


def fail(text: str) -> NoReturn:
    """Print an error; exit with status 2."""
    log(text)
    sys.exit(2)


def program_name() -> str:
    """Return the command that started this process, for the usage."""
    started = Path(sys.argv[0]).name
    return "python -m lambda_live" if started == "__main__.py" else started


def suggest(name: str, known: Sequence[str]) -> str:
    """Return a question that names the most similar known name, empty if none is similar."""
    similar = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f"; did you mean {similar[0]}?" if similar else ""


class CommandParser(argparse.ArgumentParser):
    """Parses the arguments of one command; exits with status 2 and one line on an error."""

    def __init__(self, command: str, description: str, *, usage: str | None = None) -> None:
        super().__init__(
            prog=f"{program_name()} {command}".rstrip(),
            usage=usage,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    @override
    def error(self, message: str) -> NoReturn:
        fail(message)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the options; exit if one of them is unknown."""
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            name = unknown[0].partition("=")[0]
            kind = "option" if name.startswith("-") else "argument"
            hint = suggest(name, list(self._option_string_actions))
            self.error(f"unknown {kind} {name}{hint or f'; see {self.prog} --help'}")
        return options
