"""
`lambda-live terminal [URL]`: show the terminal output of a service that runs elsewhere.

URL is the service's admin port. If no service answers there, the command waits for one.
"""

import os
import sys
import time
from collections.abc import Sequence

from lambda_live.cli import follow
from lambda_live.terminal.stream import PATH
from lambda_live.terminal.text import dim, strip_styles, terminal_width, wrap_line


def _print(line: str) -> None:
    columns = terminal_width(sys.stdout.fileno())
    text = strip_styles(line) if os.environ.get("NO_COLOR") else line
    for row in [text] if columns is None else wrap_line(text, columns):
        sys.stdout.write(f"{row}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> None:
    """Run until Ctrl-C; exit with status 2 if the URL is invalid."""
    url, address = follow.parse_url(arguments, "terminal", "Show the terminal output of a service.")
    follow.run(lambda: _show(url, address))


def _show(url: str, address: str) -> None:
    is_connected = True
    while True:
        was_connected, is_connected = is_connected, False
        for line in follow.stream_lines(address, PATH):
            is_connected = True
            _print(line.decode("utf-8", "replace").removesuffix("\n"))
        if was_connected and not is_connected:
            _print(dim(f"waiting for the function at {url}"))
        time.sleep(follow.RETRY_SECONDS)
