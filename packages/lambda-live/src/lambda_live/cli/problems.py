"""
Lists what is wrong with the code that a service runs, as an editor's task reads it.

`python -m lambda_live.cli.problems [URL]`; URL is the service's admin port. After each save, and
when an invocation fails in a new way: a line `--- TIME`, a `PATH:LINE: error: TEXT` for each
problem, and `--- N problems`. It waits for a service that is not there, and for the next one.

Source: https://code.visualstudio.com/docs/debugtest/tasks#_background-watching-tasks
"""

import contextlib
import http.client
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from lambda_live.cli import follow

_MAX_PROBLEMS = 50
"""Problems of one function that are told."""

type Row = dict[str, Any]


class AdminClient:
    """The service's admin port, as the function's page asks it."""

    def __init__(self, address: str) -> None:
        self._address = address

    def feed(self) -> Iterator[Row]:
        """Yield what it tells until it ends; nothing if there is no service."""
        for line in follow.stream_lines(self._address, "/api/feed"):
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))

    def detail(self, row: Row) -> Row:
        """Return all that is known of a row; what is known here, if it is not kept any more."""
        connection = http.client.HTTPConnection(self._address, timeout=follow.TIMEOUT_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", f"/api/rows/{row['id']}")
            response = connection.getresponse()
            known: Row = json.load(response) if response.status == http.client.OK else {}
        return row | {"place": None} | known


class Problems:
    """What is wrong with the code of each function that answers now."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._of: dict[str, dict[tuple[str, str], Row]] = {}
        self._folders = ("", "")

    def update(self, told: Row) -> bool:
        """Return whether there is something to tell."""
        if editor := told.get("editor"):
            self._folders = (editor["here"], editor["there"])
        heard = [self._row(row) for row in told.get("rows", ())]
        if functions := told.get("functions"):
            served = {each["name"] for each in functions}
            self._of = {name: rows for name, rows in self._of.items() if name in served}
        return any(heard) or "hello" in told

    def _row(self, row: Row) -> bool:
        match row["kind"]:
            case "reload":
                self._of[row["function"]] = {}
                return self._failed(row) or True
            case "invocation":
                return self._failed(row)
            case "checks" if row["succeeded"]:
                return self._as_expected()
        return False

    def _failed(self, row: Row) -> bool:
        """Note an error that is new; return whether it is."""
        rows, key = self._of.setdefault(row["function"], {}), (row["errorType"], row["message"])
        if row["errorType"] is None or key in rows or len(rows) >= _MAX_PROBLEMS:
            return False
        rows[key] = row
        return True

    def _as_expected(self) -> bool:
        """Forget the errors that events are expected to get; return whether there were any."""
        checked = [
            (rows, key)
            for rows in self._of.values()
            for key, row in rows.items()
            if row.get("source") == "check"
        ]
        for rows, key in checked:
            del rows[key]
        return bool(checked)

    def lines(self) -> list[str]:
        """Return a line for each problem."""
        rows = [self._known(rows, key) for rows in self._of.values() for key in rows]
        return list(dict.fromkeys(self._line(row) for row in rows))

    def _known(self, rows: dict[tuple[str, str], Row], key: tuple[str, str]) -> Row:
        if "place" not in rows[key]:
            rows[key] = self._admin.detail(rows[key])
        return rows[key]

    def _line(self, row: Row) -> str:
        name = row["errorType"].removeprefix("Runtime.")
        text = " ".join(f"{name}: {row['message']}".split())
        place = row.get("place")
        return f"{self._seen(place['path'])}:{place['line']}: error: {text}" if place else text

    def _seen(self, path: str) -> str:
        """Return a path as the editor knows it, which may be on another machine."""
        here, there = (f"{folder}/" for folder in self._folders)
        return there + path.removeprefix(here) if path.startswith(here) else path


def _print(lines: Iterable[str]) -> None:
    found = list(lines)
    count = f"{len(found) or 'no'} problem{'s' * (len(found) != 1)}"
    text = "\n".join((f"--- {time.strftime('%H:%M:%S')}", *found, f"--- {count}"))
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _follow(admin: AdminClient) -> None:
    problems, there = Problems(admin), False
    with contextlib.suppress(OSError, http.client.HTTPException):
        for told in admin.feed():
            there = True
            if problems.update(told):
                _print(problems.lines())
    if there:
        _print([])


def main() -> None:
    """Run until it is ended; exit with 2 where the URL is none."""
    admin = AdminClient(follow.parse_url(sys.argv[1:], "lambda_live.cli.problems")[1])
    while True:
        _follow(admin)
        time.sleep(follow.RETRY_SECONDS)


if __name__ == "__main__":
    follow.run(main)
