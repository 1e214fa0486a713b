"""The argument parser of all commands: an error is one line, without the usage."""

import argparse
import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, override
from urllib.parse import urlsplit

from lambda_live.telemetry.sanitize import sanitize


def log(text: str) -> None:
    """Print a line to standard error, after the name of the program."""
    lines = "\n".join(map(sanitize, text.split("\n")))
    name = Path(_script() or "lambda-live").name
    sys.stderr.write(f"{name}: {lines}\n")


def fail(text: str) -> NoReturn:
    """Print an error; exit with status 2."""
    log(text)
    sys.exit(2)


def _script() -> str | None:
    """Return the script of the repository that runs this command, such as `scripts/check`."""
    return os.environ.get("LAMBDA_LIVE_PROGRAM")


def service_url(text: str) -> str:
    """Parse the URL of a service, or HOST:PORT."""
    url = (text if "://" in text else f"http://{text}").rstrip("/")
    try:
        parts = urlsplit(url)
        is_valid = ":" in text and parts.hostname and parts.port != 0 and not parts.path
    except ValueError:
        is_valid = False
    if not is_valid:
        message = f"invalid URL {text!r}: write http://HOST:PORT"
        raise argparse.ArgumentTypeError(message)
    return url


def program_name() -> str:
    """Return the command that started this process, for the usage."""
    started = Path(sys.argv[0]).name
    return "python -m lambda_live" if started == "__main__.py" else started


def suggest(name: str, known: Sequence[str]) -> str:
    """Return a question that names the most similar known name, empty if none is similar."""
    similar = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f"; did you mean {similar[0]}?" if similar else ""


def cluster_url() -> str:
    """Return the URL at which the cluster's load balancer forwards to the functions."""
    return f"http://127.0.0.1:{os.environ.get('FUNCTION_PORT', '5432')}"


def check_function(name: str, functions: Sequence[str]) -> None:
    """Exit with status 2 if there is no function of this name."""
    if name not in functions:
        hint = suggest(name, functions) or "; there are " + ", ".join(functions)
        fail(f"no function {name}{hint}")


class CommandParser(argparse.ArgumentParser):
    """Parses the arguments of one command; exits with status 2 and one line on an error."""

    def __init__(self, command: str, description: str, *, usage: str | None = None) -> None:
        super().__init__(
            prog=_script() or f"{program_name()} {command}".rstrip(),
            usage=usage,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def add_url(self) -> None:
        """Add the options that name the service, as `url`."""
        port = os.environ.get("LAMBDA_LIVE_PORT", "3001")
        self.add_argument(
            "--url",
            type=service_url,
            default=os.environ.get("LAMBDA_LIVE_URL") or f"http://127.0.0.1:{port}",
            help="the service [LAMBDA_LIVE_URL; http://127.0.0.1:3001]",
        )
        self.add_argument(
            "--cluster",
            dest="url",
            action="store_const",
            const=cluster_url(),
            help="the service in the cluster: http://127.0.0.1:5432",
        )

    @override
    def error(self, message: str) -> NoReturn:
        fail(message)

    @override
    def format_help(self) -> str:
        return super().format_help().replace("usage: ", "Usage: ", 1)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Return the options; exit if one of them is unknown."""
        options, unknown = self.parse_known_args(arguments)
        if unknown:
            name = unknown[0].partition("=")[0]
            kind = "option" if name.startswith("-") else "argument"
            hint = suggest(name, list(self._option_string_actions))
            self.error(f"unknown {kind} {name}{hint or f'; see {self.prog} --help'}")
        return options
