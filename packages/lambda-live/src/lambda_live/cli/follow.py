"""What the commands share that follow a service which runs elsewhere, by its admin port."""

import contextlib
import http.client
import sys
import urllib.parse
from collections.abc import Callable, Iterator

_DEFAULT = "http://127.0.0.1:9101"

RETRY_SECONDS = 0.5
"""Seconds before a service that is not there is looked for again."""

TIMEOUT_SECONDS = 10.0
"""Seconds that it has for the beginning of an answer."""


def parse_url(arguments: list[str], command: str) -> tuple[str, str]:
    """Return the URL that a command is to follow, and its address; exit with 2 if it is none."""
    url = arguments[0] if arguments else _DEFAULT
    address = urllib.parse.urlsplit(url).netloc
    if not address or len(arguments) > 1:
        sys.stderr.write(f"Usage: python -m {command} [http://HOST:ADMIN_PORT]\n")
        sys.exit(2)
    return url, address


def stream_lines(address: str, path: str) -> Iterator[bytes]:
    """Yield those of an answer without end until the service ends; none if there is no service."""
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        response = connection.getresponse()
        if connection.sock is not None:
            connection.sock.settimeout(None)  # a quiet function is none that is gone
        while response.status == http.client.OK and (line := response.readline()):
            yield line


def run(main: Callable[[], None]) -> None:
    """Run a command until somebody ends it, or nobody reads it any more."""
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
