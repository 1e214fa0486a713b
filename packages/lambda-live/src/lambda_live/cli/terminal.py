"""
`lambda-live terminal [URL]`: show the terminal output of a service that runs elsewhere.

URL is the service's admin port. If no service answers there, the command waits for one.
"""

import os
import sys
import time
from collections.abc import Sequence

from lambda_live.cli import admin_client
from lambda_live.cli.admin_client import AdminClient
from lambda_live.cli.parser import CommandParser
from lambda_live.terminal.text import dim, strip_styles, terminal_width, wrap_line


def _print(line: str) -> None:
    columns = terminal_width(sys.stdout.fileno())
    text = strip_styles(line) if os.environ.get("NO_COLOR") else line
    for row in [text] if columns is None else wrap_line(text, columns):
        sys.stdout.write(f"{row}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> None:
    """Run until Ctrl-C; exit with status 2 if the URL is invalid."""
    parser = CommandParser("terminal", "Show the terminal output of a service.")
    admin: AdminClient = admin_client.parse(arguments, parser).admin
    admin_client.run(lambda: _show(admin))


def _show(admin: AdminClient) -> None:
    is_connected = True
    while True:
        was_connected, is_connected = is_connected, False
        for line in admin.lines("/terminal"):
            is_connected = True
            _print(line.decode("utf-8", "replace").removesuffix("\n"))
        if was_connected and not is_connected:
            _print(dim(f"waiting for the function at {admin.url}"))
        time.sleep(admin_client.RETRY_SECONDS)
