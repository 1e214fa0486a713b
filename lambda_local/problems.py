"""
Lists what is wrong with the code that a service runs, as an editor's task reads it.

`python -m lambda_local.problems [URL]`, the URL being that of its admin port. After each save, and
when an invocation fails in a new way: a line `--- TIME`, a `PATH:LINE: error: TEXT` for each
problem, and `--- N problems`. It waits for a service that is not there, and for the next one.

Source: https://code.visualstudio.com/docs/debugtest/tasks#_background-watching-tasks
"""

import contextlib
import http.client
import json
import sys
import time
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

_DEFAULT = "http://127.0.0.1:9101"
_PAUSE = 0.5
_PATIENCE = 10.0
_MOST = 50
"""Problems of one function that are told."""

type Row = dict[str, Any]


class Admin:
    """The service's admin port, as the function's page asks it."""

    def __init__(self, address: str) -> None:
        self._address = address

    def feed(self) -> Iterator[Row]:
        """Yield what it tells until it ends; nothing if there is no service."""
        with self._asked("/api/feed") as (connection, response):
            if connection.sock is not None:
                connection.sock.settimeout(None)
            while response.status == http.client.OK and (line := response.readline()):
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    def detail(self, row: Row) -> Row:
        """Return all that is known of a row; what is known here, if it is not kept any more."""
        with self._asked(f"/api/rows/{row['id']}") as (_, response):
            known: Row = json.load(response) if response.status == http.client.OK else {}
        return row | {"place": None} | known

    @contextlib.contextmanager
    def _asked(self, path: str) -> Iterator[tuple[http.client.HTTPConnection, Any]]:
        connection = http.client.HTTPConnection(self._address, timeout=_PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            yield connection, connection.getresponse()


class Problems:
    """What is wrong with the code of each function that answers now."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._of: dict[str, dict[tuple[str, str], Row]] = {}
        self._folders = ("", "")

    def hear(self, told: Row) -> bool:
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
        if row["errorType"] is None or key in rows or len(rows) >= _MOST:
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


def _follow(admin: Admin) -> None:
    problems, there = Problems(admin), False
    with contextlib.suppress(OSError, http.client.HTTPException):
        for told in admin.feed():
            there = True
            if problems.hear(told):
                _print(problems.lines())
    if there:
        _print([])


def _address(arguments: list[str]) -> str:
    address = urllib.parse.urlsplit(arguments[0] if arguments else _DEFAULT).netloc
    if not address or len(arguments) > 1:
        sys.stderr.write("Usage: python -m lambda_local.problems [http://HOST:ADMIN_PORT]\n")
        sys.exit(2)
    return address


def main() -> None:
    """Run until it is ended; exit with 2 where the URL is none."""
    admin = Admin(_address(sys.argv[1:]))
    while True:
        _follow(admin)
        time.sleep(_PAUSE)


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(0)
