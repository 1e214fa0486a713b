"""
What a page that is open is told, as server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
from collections.abc import AsyncIterator

from lambda_live.ui.rows import Row

MIN_INTERVAL_SECONDS = 0.1
"""Seconds between two messages, at least."""

MAX_ROWS_PER_MESSAGE = 50
"""Rows in one message; what a person can't follow is counted."""


class Subscription:
    """One page that is open."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._omitted = 0
        self._fields: dict[str, object] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def add_row(self, row: Row) -> None:
        """Tell of a row with the next message."""
        if len(self._rows) < MAX_ROWS_PER_MESSAGE:
            self._rows.append(row)
        else:
            self._omitted += 1
        self._wake.set()

    def set_field(self, name: str, value: object) -> None:
        """Tell with the next message what something is now."""
        self._fields[name] = value
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
            yield encode(self._take())
            await asyncio.sleep(MIN_INTERVAL_SECONDS)

    def _take(self) -> dict[str, object]:
        told = self._fields
        if self._rows:
            told["rows"] = [row.summary() for row in self._rows]
        if self._omitted:
            told["leftOut"] = self._omitted
        self._rows, self._omitted, self._fields = [], 0, {}
        return told


class Broadcaster:
    """Tells every reader; where there is none, it costs nothing."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def subscribe(self) -> Subscription:
        """Return a reader that hears what happens from now on."""
        reader = Subscription()
        self._subscriptions.add(reader)
        return reader

    def unsubscribe(self, reader: Subscription) -> None:
        """Forget it."""
        reader.close()
        self._subscriptions.discard(reader)

    def publish_row(self, row: Row) -> None:
        """Tell of a row."""
        for reader in self._subscriptions:
            reader.add_row(row)

    def publish(self, name: str, value: object) -> None:
        """Tell what something is now."""
        for reader in self._subscriptions:
            reader.set_field(name, value)

    def close(self) -> None:
        """End every reader's stream."""
        for reader in self._subscriptions:
            reader.close()


def encode(fields: dict[str, object]) -> bytes:
    """Return it as an event of the stream."""
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"
