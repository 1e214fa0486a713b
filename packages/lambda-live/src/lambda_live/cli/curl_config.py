"""
Print a curl configuration that sends events, for `scripts/invoke` and `scripts/load`.

`lambda-live curl-config URL FOLDER EVENT...` sends each event once; curl writes the
responses to FOLDER/1, FOLDER/1.headers, and so on. With `--repeat N` it sends one event N times; if
none is named, it is the first in the `events` folder of FOLDER. Standard input is what the service
reports about its functions.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from lambda_live.checks.code_state import ServiceState
from lambda_live.checks.curl import InvalidEventError, Target, config_of, load_config
from lambda_live.cli.parser import CommandParser


def _first_event(project: Path, functions: Sequence[str]) -> tuple[str, Path | None]:
    """Return the first function that has an event, and that event."""
    folder = project / "events"
    for name in functions:
        for pattern in (f"{name}/*.json", "event.json", "*.json"):
            if paths := sorted(folder.glob(pattern)):
                return name, paths[0]
    return functions[0], None


def main(arguments: Sequence[str]) -> None:
    """Print the configuration; exit with 2 and one line if an event is invalid."""
    parser = CommandParser("curl-config", "Print a curl configuration that sends events.")
    parser.add_argument("--repeat", type=int)
    parser.add_argument("--source", default="invoke", help="the client's name in the log")
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("events", nargs="*", type=Path)
    options = parser.parse(arguments)
    state = ServiceState.parse(sys.stdin.read())
    # AWS's emulator does not report its functions: it has one, of this name
    target = Target(options.url, options.source, state.names if state else ("function",))
    try:
        if options.repeat is None:
            sys.stdout.write(config_of(target, options.events, options.folder))
        elif options.events:
            function, event = target.function_of(options.events[0]), options.events[0]
            sys.stdout.write(load_config(target.url, function, event, options.repeat))
        else:
            function, first = _first_event(options.folder, target.functions)
            sys.stdout.write(load_config(target.url, function, first, options.repeat))
    except InvalidEventError as error:
        sys.stderr.write(f"{options.source}: {error}\n")
        sys.exit(2)
