"""
`lambda-live imports [URL]`: print how long the imports of each function's cold start took.

URL is the dashboard of a running service. The imports of a standby process are included: on AWS
each cold start makes them.
"""

import sys
from collections.abc import Iterator, Sequence

from lambda_live.cli import admin_client
from lambda_live.cli.admin_client import AdminClient, Row
from lambda_live.cli.parser import CommandParser
from lambda_live.telemetry.sanitize import sanitize

_BAR_COLUMNS = 24
_MAX_DEPTH = 8


def _newest_loads(admin: AdminClient, function: str | None) -> Iterator[Row]:
    """Yield the newest successful load of each function."""
    rows = admin.rows(function, follows=False)
    found = {
        row["function"]: row for row in rows if row["kind"] == "reload" and not row["errorType"]
    }
    yield from (admin.detail(found[name]) for name in sorted(found))


def _lines(load: Row) -> Iterator[str]:
    """Yield the figures of a load, and a bar for each import."""
    imports = load["imports"]
    total = sum(each["ms"] for each in imports if each["depth"] == 0)
    figures = f"imports {total:.0f} ms · init {load['initMs'] or 0:.0f} ms · {load['memoryMb']} MB"
    if before := load["before"]:
        figures += f" · before the save {before['importMs']:.0f} ms, {before['memoryMb']} MB"
    yield f"{load['function']}: {figures}"
    longest = max((each["ms"] for each in imports), default=0.0)
    for each in imports:
        bar = "█" * max(1, round(_BAR_COLUMNS * each["ms"] / longest))
        indent = "  " * min(each["depth"], _MAX_DEPTH)
        note = "  (preloaded)" if each["preloaded"] else ""
        yield f"{each['ms']:8.1f} ms  {bar:{_BAR_COLUMNS}}  {indent}{each['name']}{note}"
    if not imports:
        yield "  no import took half a millisecond"


def main(arguments: Sequence[str]) -> None:
    """Print the imports; exit with status 1 if no service answers."""
    parser = CommandParser("imports", "Print how long the imports of a cold start took.")
    parser.add_argument("--function", metavar="NAME", help="only this function")
    options = admin_client.parse(arguments, parser)
    options.admin.exit_if_unreachable()
    for load in _newest_loads(options.admin, options.function):
        if "imports" in load:  # the service may have dropped it
            sys.stdout.write("".join(f"{sanitize(line)}\n" for line in _lines(load)))
