"""How a command follows a service that runs elsewhere, through its admin port."""

import argparse
import contextlib
import http.client
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Sequence

from lambda_live.cli.parser import CommandParser

_DEFAULT_URL = "http://127.0.0.1:9101"

RETRY_SECONDS = 0.5
"""Time between two attempts to connect."""

TIMEOUT_SECONDS = 10.0
"""Time for the first byte of a response."""


def parse_url(arguments: Sequence[str], command: str, description: str) -> tuple[str, str]:
    """Return the URL of the service and its address; exit with status 2 if it is invalid."""
    options = parse(arguments, CommandParser(command, description))
    return options.url, options.address


def parse(arguments: Sequence[str], parser: CommandParser) -> argparse.Namespace:
    """Return the options, with the service's `url` and `address`; exit with 2 if it is invalid."""
    parser.add_argument(
        "url", nargs="?", default=_DEFAULT_URL, help="the service's admin port [%(default)s]"
    )
    options = parser.parse(arguments)
    options.address = urllib.parse.urlsplit(options.url).netloc
    if not options.address:
        parser.error(f"invalid URL {options.url!r}: write http://HOST:ADMIN_PORT")
    return options


def stream_lines(address: str, path: str) -> Iterator[bytes]:
    """Yield the lines of a response until the service stops; none if there is no service."""
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        response = connection.getresponse()
        if connection.sock is not None:
            connection.sock.settimeout(None)  # an idle function sends nothing for a long time
        while response.status == http.client.OK and (line := response.readline()):
            yield line


def run(follow: Callable[[], None]) -> None:
    """Run until Ctrl-C, or until standard output is closed."""
    try:
        follow()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
