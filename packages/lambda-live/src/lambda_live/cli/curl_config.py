"""
Print a curl configuration that sends an event many times, for `scripts/load`.

Without EVENT, it is the first event in the project's `events` folder, of the first function that
has one.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from lambda_live.checks.curl import InvalidEventError, load_config
from lambda_live.cli.invoke import read_target
from lambda_live.cli.parser import CommandParser, fail


def _first_event(project: Path, functions: Sequence[str]) -> tuple[str, Path | None]:
    """Return the first function that has an event, and that event."""
    folder = project / "events"
    for name in functions:
        for pattern in (f"{name}/*.json", "event.json", "*.json"):
            if paths := sorted(folder.glob(pattern)):
                return name, paths[0]
    return functions[0], None


def main(arguments: Sequence[str]) -> None:
    """Print the configuration; exit with 1 if no service answers, 2 if the event is invalid."""
    parser = CommandParser("curl-config", "Print a curl configuration that sends an event.")
    parser.add_url()
    parser.add_argument("--requests", type=int, default=1000, help="how many [%(default)s]")
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="has the folder events/")
    parser.add_argument("event", nargs="?", type=Path, metavar="EVENT")
    options = parser.parse(arguments)
    target = read_target(options.url, "load")
    if options.event is None:
        function, event = _first_event(options.project, target.functions)
    else:
        try:
            function, event = target.function_of(options.event), options.event
        except InvalidEventError as error:
            fail(str(error))
    sys.stdout.write(load_config(target.url, function, event, options.requests))
