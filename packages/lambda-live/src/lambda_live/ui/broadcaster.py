"""
What a page that is open is told, as server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
from collections.abc import AsyncIterator

from lambda_live.ui.rows import Row

PAUSE = 0.1
"""Seconds between two messages, at least."""

MOST = 50
"""Rows in one message; what a person can't follow is counted."""


class Reader:
    """One page that is open."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._left_out = 0
        self._facts: dict[str, object] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def row(self, row: Row) -> None:
        """Tell of a row with the next message."""
        if len(self._rows) < MOST:
            self._rows.append(row)
        else:
            self._left_out += 1
        self._wake.set()

    def fact(self, name: str, value: object) -> None:
        """Tell with the next message what something is now."""
        self._facts[name] = value
        self._wake.set()

    def close(self) -> None:
        """Tell no more."""
        self._closed = True
        self._wake.set()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield each message as it goes over the wire."""
        while True:
            await self._wake.wait()
            if self._closed:
                return
            self._wake.clear()
            yield message(self._take())
            await asyncio.sleep(PAUSE)

    def _take(self) -> dict[str, object]:
        told = self._facts
        if self._rows:
            told["rows"] = [row.summary() for row in self._rows]
        if self._left_out:
            told["leftOut"] = self._left_out
        self._rows, self._left_out, self._facts = [], 0, {}
        return told


class Feed:
    """Tells every reader; where there is none, it costs nothing."""

    def __init__(self) -> None:
        self._readers: set[Reader] = set()

    def open(self) -> Reader:
        """Return a reader that hears what happens from now on."""
        reader = Reader()
        self._readers.add(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        """Forget it."""
        reader.close()
        self._readers.discard(reader)

    def row(self, row: Row) -> None:
        """Tell of a row."""
        for reader in self._readers:
            reader.row(row)

    def fact(self, name: str, value: object) -> None:
        """Tell what something is now."""
        for reader in self._readers:
            reader.fact(name, value)

    def close(self) -> None:
        """End every reader's stream."""
        for reader in self._readers:
            reader.close()


def message(told: dict[str, object]) -> bytes:
    """Return it as an event of the stream."""
    return b"data: " + json.dumps(told, separators=(",", ":")).encode() + b"\n\n"
