"""
`lambda-live logs [URL]`: print what the functions of a running service wrote to their logs.

URL is the service's admin port. The command prints the invocations that the service remembers, and
with `--follow` also those that come.
"""

import sys
import time
from collections.abc import Iterator, Sequence

from lambda_live.cli import admin_client
from lambda_live.cli.admin_client import AdminClient, Row
from lambda_live.cli.parser import CommandParser
from lambda_live.telemetry.sanitize import sanitize


def _lines(row: Row) -> Iterator[str]:
    """Yield a title, and the log below it."""
    clock = time.strftime("%H:%M:%S", time.localtime(row["timestamp"] / 1000))
    what = row.get("label") or row["kind"]
    error = f"  {row['errorType']}: {row['message']}" if row.get("errorType") else ""
    yield f"{clock} {row['function']} {what}{error}"
    for line in _text(row.get("log")).splitlines():
        yield f"  {line}"


def _text(log: object) -> str:
    """Return the text of a log as the page gets it."""
    return str(log.get("text", "")) if isinstance(log, dict) else ""


def _print(admin: AdminClient, function: str | None, *, follows: bool) -> None:
    for row in admin.rows(function, follows=follows):
        if row["kind"] in ("invocation", "reload"):
            sys.stdout.write("".join(f"{sanitize(line)}\n" for line in _lines(admin.detail(row))))
            sys.stdout.flush()


def main(arguments: Sequence[str]) -> None:
    """Print the logs; exit with status 1 if no service answers."""
    parser = CommandParser("logs", "Print the logs of a running service's functions.")
    parser.add_argument("--function", metavar="NAME", help="only this function")
    parser.add_argument("--follow", action="store_true", help="wait for further invocations")
    options = admin_client.parse(arguments, parser)
    options.admin.exit_if_unreachable()
    admin_client.run(lambda: _print(options.admin, options.function, follows=options.follow))
