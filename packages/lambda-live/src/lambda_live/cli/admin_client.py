"""The client of a running service's admin port, for the commands that show what it does."""

import argparse
import contextlib
import http.client
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lambda_live.checks.curl import unreachable
from lambda_live.checks.http_file import connect
from lambda_live.cli.parser import CommandParser, check_function, log, service_url

RETRY_SECONDS = 0.5
"""Time between two attempts to connect."""

_TIMEOUT_SECONDS = 10.0
"""Time for the first byte of a response."""

type Row = dict[str, Any]


class AdminClient:
    """Reads from the admin port of one service."""

    def __init__(self, url: str) -> None:
        self.url = url

    @contextlib.contextmanager
    def request(
        self, method: str, path: str, timeout: float = _TIMEOUT_SECONDS, *, is_endless: bool = False
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request, and yield the response. Raises OSError, HTTPException."""
        with contextlib.closing(connect(self.url, timeout)) as connection:
            connection.request(method, path)
            response = connection.getresponse()
            if is_endless and connection.sock is not None:
                connection.sock.settimeout(None)  # an idle function sends nothing for a long time
            yield response

    def exit_if_unreachable(self) -> None:
        """Exit with status 1 if no service answers, or not at its admin port."""
        try:
            with self.request("GET", "/ready") as response:
                if "code_sha256" in json.load(response):
                    return
        except OSError:
            log(str(unreachable(self.url)))
            sys.exit(1)
        except (ValueError, TypeError, http.client.HTTPException):
            pass
        log(f"{self.url} is not an admin port; write the dashboard's URL of the startup output")
        sys.exit(1)

    def lines(self, path: str) -> Iterator[bytes]:
        """Yield the lines of a response until the service stops; none if no service answers."""
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            self.request("GET", path, is_endless=True) as response,
        ):
            while response.status == http.client.OK and (line := response.readline()):
                yield line

    def events(self) -> Iterator[Row]:
        """Yield what the page shows until the service stops; nothing if no service answers."""
        for line in self.lines("/api/feed"):
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))

    def rows(self, function: str | None, *, follows: bool) -> Iterator[Row]:
        """
        Yield the rows of a function, or of all, the oldest first.

        Exit with status 2 if there is no such function. Without `follows`, end at the newest row.
        """
        for event in self.events():
            rows = event.get("rows", ())
            if "snapshot" in event and function is not None:
                named = (each.get("function") for each in rows)
                names = [*(each["name"] for each in event["functions"]), *filter(None, named)]
                check_function(function, list(dict.fromkeys(names)))
            yield from (row for row in rows if function in (None, row.get("function")))
            if "snapshot" in event and not follows:
                return

    def detail(self, row: Row) -> Row:
        """Return a row with all its details, or as it is if the service has dropped it."""
        details: Row = {}
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            self.request("GET", f"/api/rows/{row['id']}") as response,
        ):
            details = json.load(response) if response.status == http.client.OK else {}
        return row | {"location": None} | details


def default_url() -> str:
    """Return the URL of the admin port, unless an option names another one."""
    return f"http://127.0.0.1:{os.environ.get('LAMBDA_LIVE_ADMIN_PORT', '9101')}"


def parse(arguments: Sequence[str], parser: CommandParser) -> argparse.Namespace:
    """Return the options, with the client of `URL` as `admin`; exit with 2 if it is invalid."""
    parser.add_argument(
        "url",
        nargs="?",
        type=service_url,
        default=default_url(),
        help="the service's admin port [%(default)s]",
    )
    options = parser.parse(arguments)
    options.admin = AdminClient(options.url)
    return options


def run(follow: Callable[[], None]) -> None:
    """Run until Ctrl-C, or until standard output is closed."""
    try:
        follow()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
