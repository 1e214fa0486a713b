"""
`lambda-live problems [URL]`: list the errors of a service for an editor's problem matcher.

URL is the service's admin port. After each save, and when an invocation fails in a new way, it
prints a line `--- TIME`, a line `PATH:LINE: error: TEXT` for each problem, and `--- N problems`.
If no service answers, the command waits for one.

Source: https://code.visualstudio.com/docs/debugtest/tasks#_background-watching-tasks
"""

import contextlib
import http.client
import sys
import time
from collections.abc import Iterable, Sequence

from lambda_live.cli import admin_client
from lambda_live.cli.admin_client import AdminClient, Row
from lambda_live.cli.parser import CommandParser
from lambda_live.telemetry.sanitize import sanitize

_MAX_PROBLEMS = 50
"""Problems of one function that are listed."""

type _Key = tuple[str, str]


class Problems:
    """The errors of each function's current code."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._rows: dict[str, dict[_Key, Row]] = {}
        self._folders = ("", "")

    def update(self, event: Row) -> bool:
        """Apply an event; return whether the list may have changed."""
        if editor := event.get("editor"):
            self._folders = (editor["project"], editor["editorRoot"])
        changes = [self._apply(row) for row in event.get("rows", ())]
        if functions := event.get("functions"):
            names = {each["name"] for each in functions}
            self._rows = {name: rows for name, rows in self._rows.items() if name in names}
        return any(changes) or "snapshot" in event

    def _apply(self, row: Row) -> bool:
        match row["kind"]:
            case "reload":
                self._rows[row["function"]] = {}
                self._add(row)
                return True
            case "invocation":
                return self._add(row)
            case "checks" if row["succeeded"]:
                return self._remove_expected()
        return False

    def _add(self, row: Row) -> bool:
        """Add an error; return whether it is new."""
        rows, key = self._rows.setdefault(row["function"], {}), (row["errorType"], row["message"])
        if row["errorType"] is None or key in rows or len(rows) >= _MAX_PROBLEMS:
            return False
        rows[key] = row
        return True

    def _remove_expected(self) -> bool:
        """Remove the errors that checks expect; return whether there were any."""
        expected = [
            (rows, key)
            for rows in self._rows.values()
            for key, row in rows.items()
            if row.get("client") == "check"
        ]
        for rows, key in expected:
            del rows[key]
        return bool(expected)

    def lines(self) -> list[str]:
        """Return a line for each problem."""
        rows = [self._detailed(rows, key) for rows in self._rows.values() for key in rows]
        return list(dict.fromkeys(self._line(row) for row in rows))

    def _detailed(self, rows: dict[_Key, Row], key: _Key) -> Row:
        if "location" not in rows[key]:
            rows[key] = self._admin.detail(rows[key])
        return rows[key]

    def _line(self, row: Row) -> str:
        name = row["errorType"].removeprefix("Runtime.")
        text = " ".join(f"{name}: {row['message']}".split())
        location = row.get("location")
        if not location:
            return text
        return f"{self._editor_path(location['path'])}:{location['line']}: error: {text}"

    def _editor_path(self, path: str) -> str:
        """Return a path as the editor's machine has it."""
        here, there = (f"{folder}/" for folder in self._folders)
        return there + path.removeprefix(here) if path.startswith(here) else path


def _print(lines: Iterable[str]) -> None:
    found = list(map(sanitize, lines))
    count = f"{len(found) or 'no'} problem{'s' * (len(found) != 1)}"
    text = "\n".join((f"--- {time.strftime('%H:%M:%S')}", *found, f"--- {count}"))
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _follow(admin: AdminClient) -> None:
    problems, is_connected = Problems(admin), False
    with contextlib.suppress(OSError, http.client.HTTPException):
        for event in admin.events():
            is_connected = True
            if problems.update(event):
                _print(problems.lines())
    if is_connected:
        _print([])


def _follow_forever(admin: AdminClient) -> None:
    while True:
        _follow(admin)
        time.sleep(admin_client.RETRY_SECONDS)


def main(arguments: Sequence[str]) -> None:
    """Run until Ctrl-C; exit with status 2 if the URL is invalid."""
    options = admin_client.parse(
        arguments, CommandParser("problems", "List the errors of a service.")
    )
    admin_client.run(lambda: _follow_forever(options.admin))
