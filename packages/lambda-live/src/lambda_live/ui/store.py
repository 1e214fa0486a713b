"""
The history on disk: it survives a restart of the service, and links to its rows stay valid.

Each project has one SQLite database in the user's state folder. It contains exactly the rows that
`History` keeps, and the whole bodies of those that are too long to be kept in memory. The limits
of `History`, and `MAX_BODY_STORE_BYTES`, bound its size. Writes are collected and made once a
second in a thread, so that no request waits for the disk.

The database is private to the user (mode 0600): events and logs may contain personal data.
"""

import dataclasses
import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lambda_live.dependencies.cache import state_dir
from lambda_live.model.invocation import Report
from lambda_live.model.outcome import Outcome, OutcomeKind
from lambda_live.telemetry.source_location import SourceLocation
from lambda_live.ui.replay import Comparison, Pin, ReplayRow
from lambda_live.ui.rows import (
    EMPTY,
    PARTS,
    ChecksRow,
    InvocationRow,
    Part,
    ReloadRow,
    Row,
    Truncated,
)

MAX_BODY_STORE_BYTES = 128 * 2**20
MAX_BODY_MEMORY_BYTES = 32 * 2**20
"""Bytes of all whole bodies, on disk and in memory; above it, the oldest ones are truncated."""

_MAX_PENDING_BYTES = 64 * 2**20
_VERSION = 2
_BUSY_TIMEOUT_SECONDS = 0.5
_UNUSED_DAYS = 30
_SCHEMA = f"""
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS rows (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, fields TEXT NOT NULL,
    event BLOB NOT NULL, response BLOB NOT NULL, log BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS bodies (
    id INTEGER NOT NULL, part TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (id, part)
);
CREATE TABLE IF NOT EXISTS pins (id INTEGER PRIMARY KEY, row_id INTEGER NOT NULL);
PRAGMA user_version = {_VERSION};
"""


def database_path(project: Path) -> Path:
    """Return the database of a project; its folder may not exist yet."""
    key = hashlib.sha256(str(project.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
    return state_dir("history") / f"{key[:16]}.sqlite3"


class HistoryStore:
    """
    The database of one project. Without a path it is in memory, and has only the whole bodies.

    If it fails, for example on a full disk, it reports that once and stores nothing more.
    """

    def __init__(self, path: Path | None, log: Callable[[str, str], None]) -> None:
        """`log` gets a message and its level."""
        self._path = path
        self._max_body_bytes = MAX_BODY_STORE_BYTES if path else MAX_BODY_MEMORY_BYTES
        self._log = log
        self._lock = threading.Lock()  # of the pending writes
        self._database_lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._rows: dict[int, Row] = {}
        self._bodies: dict[tuple[int, Part], bytes] = {}
        self._removed: set[int] = set()
        self._pins: list[tuple[int, int]] | None = None
        self._is_failed = False

    def open(self) -> None:
        """Open the database; replace one that is damaged or has another version."""
        try:
            self._database = _connect(self._path)
        except sqlite3.OperationalError as error:  # another service has it, or the disk is full
            self._fail(error)
        except sqlite3.DatabaseError:
            try:
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._path}{suffix}").unlink(missing_ok=True)
                self._database = _connect(self._path)
            except (OSError, sqlite3.Error) as error:
                self._fail(error)
        except OSError as error:
            self._fail(error)
        if self._path is not None:
            _delete_unused(self._path.parent)

    def _fail(self, error: Exception) -> None:
        if not self._is_failed:
            self._is_failed = True
            is_locked = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_BUSY
            reason = "another service of this project stores its own" if is_locked else error
            self._log(f"the history is not stored: {self._path}: {reason}", "WARN")

    def add(self, row: Row, bodies: Mapping[Part, bytes]) -> None:
        """Write a row with the next flush, and the whole bodies of which it has only the start."""
        if self._is_failed:
            return
        with self._lock:
            if self._path is not None:
                self._rows[row.id] = row
            for part, content in bodies.items():
                self._bodies[row.id, part] = content
            size = sum(map(len, self._bodies.values())) if bodies else 0
            while size > _MAX_PENDING_BYTES:
                oldest = next(iter(self._bodies))
                size -= len(self._bodies.pop(oldest))

    def remove(self, row_id: int) -> None:
        """Delete a row with the next flush."""
        with self._lock:
            for part in PARTS:
                self._bodies.pop((row_id, part), None)
            if self._rows.pop(row_id, None) is None or not self._is_failed:
                self._removed.add(row_id)

    def set_pins(self, pins: Iterable[Pin]) -> None:
        """Write the pins with the next flush."""
        with self._lock:
            self._pins = [(pin.id, pin.row.id) for pin in pins]

    def body(self, row_id: int, part: Part) -> bytes | None:
        """Return a whole body, or None if it is not stored."""
        with self._lock:
            pending = self._bodies.get((row_id, part))
        if pending is not None:
            return pending
        with self._database_lock, suppress(sqlite3.Error):
            if self._database is not None:
                query = "SELECT content FROM bodies WHERE id = ? AND part = ?"
                found = self._database.execute(query, (row_id, part)).fetchone()
                return None if found is None else bytes(found[0])
        return None

    def flush(self) -> None:
        """Make the pending writes. It may run in a thread."""
        with self._database_lock:
            with self._lock:
                rows, bodies = self._rows, dict(self._bodies)
                removed, pins = self._removed, self._pins
                self._rows, self._removed, self._pins = {}, set(), None
            if self._database is None or not (rows or bodies or removed or pins is not None):
                return
            try:
                with self._database as database:
                    _write(database, rows, bodies, removed, pins)
                    if bodies:
                        self._delete_oldest_bodies(database)
                if removed:
                    self._database.execute("PRAGMA incremental_vacuum(1000)").fetchall()
            except sqlite3.Error as error:
                self._fail(error)
            with self._lock:
                for key in bodies:
                    self._bodies.pop(key, None)

    def _delete_oldest_bodies(self, database: sqlite3.Connection) -> None:
        total = 0
        query = "SELECT id, part, length(content) FROM bodies ORDER BY id DESC"
        for row_id, part, size in database.execute(query).fetchall():
            total += size
            if total > self._max_body_bytes:
                database.execute("DELETE FROM bodies WHERE id = ? AND part = ?", (row_id, part))

    def load(self) -> tuple[list[Row], list[tuple[int, int]]]:
        """Return the stored rows, oldest first, and the pins as pairs of pin and row ids."""
        if self._database is None:
            return [], []
        try:
            with self._database_lock:
                records = self._database.execute("SELECT * FROM rows ORDER BY id").fetchall()
                pins = self._database.execute("SELECT id, row_id FROM pins ORDER BY id").fetchall()
        except sqlite3.Error as error:
            self._fail(error)
            return [], []
        return list(_restore_all(records)), pins

    def close(self) -> None:
        """Make the pending writes, and close the database."""
        self.flush()
        if self._database is not None:
            self._database.close()
            self._database = None


def _connect(path: Path | None) -> sqlite3.Connection:
    """Open a database, in memory without a path. Raises OSError, sqlite3.Error."""
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        os.utime(path)
    database = sqlite3.connect(
        path or ":memory:", timeout=_BUSY_TIMEOUT_SECONDS, check_same_thread=False
    )
    try:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            message = f"it has version {version}"
            raise sqlite3.DatabaseError(message)  # noqa: TRY301  # handled like damage
        database.executescript(_SCHEMA)
        database.execute("SELECT count(*) FROM rows, bodies, pins").fetchone()
    except BaseException:
        database.close()
        raise
    return database


def _write(
    database: sqlite3.Connection,
    rows: Mapping[int, Row],
    bodies: Mapping[tuple[int, Part], bytes],
    removed: Iterable[int],
    pins: Iterable[tuple[int, int]] | None,
) -> None:
    gone = [(row_id,) for row_id in removed]
    database.executemany("DELETE FROM rows WHERE id = ?", gone)
    database.executemany("DELETE FROM bodies WHERE id = ?", gone)
    database.executemany(
        "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)", map(_record, rows.values())
    )
    database.executemany(
        "INSERT OR REPLACE INTO bodies VALUES (?, ?, ?)",
        ((row_id, part, content) for (row_id, part), content in bodies.items()),
    )
    if pins is not None:
        database.execute("DELETE FROM pins")
        database.executemany("INSERT INTO pins VALUES (?, ?)", pins)


def _delete_unused(folder: Path) -> None:
    """Delete the databases of projects that were not served for a month."""
    oldest = time.time() - _UNUSED_DAYS * 86_400
    with suppress(OSError):
        for path in folder.glob("*.sqlite3*"):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def _record(row: Row) -> tuple[int, str, str, bytes, bytes, bytes]:
    """Return the columns of a row."""
    fields = {each.name: getattr(row, each.name) for each in dataclasses.fields(row)}
    if isinstance(row, ReplayRow):  # whose invocations have rows of their own
        fields["comparisons"] = [
            [each.before.id, each.after and each.after.id, each.is_pinned, each.skip_reason]
            for each in row.comparisons
        ]
    event, response, log = (fields.pop(part, EMPTY) for part in PARTS)
    fields["sizes"] = [event.size, response.size, log.size]
    text = json.dumps(fields, default=dataclasses.asdict)
    return row.id, row.kind, text, event.content, response.content, log.content


def _restore_all(records: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    """Yield the rows of the records. Rows that another version wrote differently are skipped."""
    invocations: dict[int, InvocationRow] = {}
    for _, kind, text, *contents in records:
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            row = _restore(kind, json.loads(text), [bytes(each) for each in contents], invocations)
            if isinstance(row, InvocationRow):
                invocations[row.id] = row
            if row is not None:
                yield row


def _restore(
    kind: str,
    fields: dict[str, Any],
    contents: list[bytes],
    invocations: Mapping[int, InvocationRow],
) -> Row | None:
    sizes = fields.pop("sizes")
    if kind == "checks":
        return ChecksRow(**fields)
    if kind == "replay":
        comparisons = [
            Comparison(invocations[before], invocations.get(after), is_pinned, reason)
            for before, after, is_pinned, reason in fields.pop("comparisons")
            if before in invocations and (after is None or after in invocations)
        ]
        return ReplayRow(**fields, comparisons=comparisons) if comparisons else None
    location = fields.pop("location", None)
    if location:
        fields["location"] = SourceLocation(**location | {"lines": tuple(location["lines"])})
    event, response, log = (
        Truncated(content, size) if size else EMPTY
        for content, size in zip(contents, sizes, strict=True)
    )
    if kind == "reload":
        return ReloadRow(**fields, log=log)
    report = fields.pop("report")
    outcome = report.pop("outcome")
    kind_of_outcome = OutcomeKind(outcome.pop("kind"))
    fields["report"] = Report(**report, outcome=Outcome(kind_of_outcome, **outcome))
    return InvocationRow(**fields, event=event, response=response, log=log)
