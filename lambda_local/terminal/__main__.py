"""
Prints what a service that runs elsewhere would print at its terminal.

`python -m lambda_local.terminal [URL]`, the URL being that of its admin port, as it is forwarded.
It waits for a service that is not there, and for the next one when one ends.
"""

import contextlib
import http.client
import os
import sys
import time
import urllib.parse
from collections.abc import Iterator

from lambda_local.terminal.fold import fold
from lambda_local.terminal.screen import columns_of
from lambda_local.terminal.stream import PATH
from lambda_local.terminal.style import dim, plain

_DEFAULT = "http://127.0.0.1:9101"
_PAUSE = 0.5
_PATIENCE = 10.0


def _print(line: str) -> None:
    columns = columns_of(sys.stdout.fileno())
    text = plain(line) if os.environ.get("NO_COLOR") else line
    for row in [text] if columns is None else fold(text, columns):
        sys.stdout.write(f"{row}\n")
    sys.stdout.flush()


def _lines(address: str) -> Iterator[str]:
    """Yield until the service ends; nothing if there is none."""
    connection = http.client.HTTPConnection(address, timeout=_PATIENCE)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", PATH)
        response = connection.getresponse()
        if connection.sock is not None:
            connection.sock.settimeout(None)  # a quiet function is none that is gone
        while response.status == http.client.OK and (line := response.readline()):
            yield line.decode("utf-8", "replace").removesuffix("\n")


def _address(arguments: list[str]) -> tuple[str, str]:
    url = arguments[0] if arguments else _DEFAULT
    address = urllib.parse.urlsplit(url).netloc
    if not address or len(arguments) > 1:
        sys.stderr.write("Usage: python -m lambda_local.terminal [http://HOST:ADMIN_PORT]\n")
        sys.exit(2)
    return url, address


def main() -> None:
    """Run until it is ended; exit with 2 where the URL is none."""
    url, address = _address(sys.argv[1:])
    there = True
    while True:
        was_there, there = there, False
        for line in _lines(address):
            there = True
            _print(line)
        if was_there and not there:
            _print(dim(f"waiting for the function at {url}"))
        time.sleep(_PAUSE)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
