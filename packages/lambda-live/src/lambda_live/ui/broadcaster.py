"""
The event stream to open pages, as server-sent events.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
from collections.abc import AsyncIterator

from lambda_live.ui.rows import Row

MIN_INTERVAL_SECONDS = 0.1
"""Pause between two messages."""

MAX_ROWS_PER_MESSAGE = 50
"""Further rows are only counted."""


class Subscription:
    """The pending message of one open page."""

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._omitted = 0
        self._fields: dict[str, object] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def add_row(self, row: Row) -> None:
        """Send a row with the next message; once, even if its fields change before that."""
        if row.id in self._rows or len(self._rows) < MAX_ROWS_PER_MESSAGE:
            self._rows[row.id] = row
        else:
            self._omitted += 1
        self._wake.set()

    def set_field(self, name: str, value: object) -> None:
        """Send the current value of a field with the next message."""
        self._fields[name] = value
        self._wake.set()

    def close(self) -> None:
        """End `messages()`."""
        self._closed = True
        self._wake.set()

    async def messages(self, first: dict[str, object]) -> AsyncIterator[bytes]:
        """Yield the first message, and the following ones until the subscription is closed."""
        yield _encode(first)
        while True:
            await self._wake.wait()
            if self._closed:
                return
            self._wake.clear()
            yield _encode(self._take())
            await asyncio.sleep(MIN_INTERVAL_SECONDS)

    def _take(self) -> dict[str, object]:
        fields = self._fields
        if self._rows:
            fields["rows"] = [row.summary() for row in self._rows.values()]
        if self._omitted:
            fields["omitted"] = self._omitted
        self._rows, self._omitted, self._fields = {}, 0, {}
        return fields


class Broadcaster:
    """Publishes rows and fields to all subscriptions."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def subscribe(self) -> Subscription:
        """Return a subscription to everything published from now on."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Close and remove a subscription."""
        subscription.close()
        self._subscriptions.discard(subscription)

    def publish_row(self, row: Row) -> None:
        """Send a new row to all pages."""
        for subscription in self._subscriptions:
            subscription.add_row(row)

    def publish(self, name: str, value: object) -> None:
        """Send the current value of a field to all pages."""
        for subscription in self._subscriptions:
            subscription.set_field(name, value)

    def close(self) -> None:
        """Close all subscriptions."""
        for subscription in self._subscriptions:
            subscription.close()


def _encode(fields: dict[str, object]) -> bytes:
    """Return a message as one event of the stream."""
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"
