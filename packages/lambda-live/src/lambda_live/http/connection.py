"""
One client's connection, as uvicorn serves it, where a client does what none should.

Sources: https://www.rfc-editor.org/rfc/rfc9112#section-9.6 (a close while the client still sends)
and https://www.rfc-editor.org/rfc/rfc6585#section-5 (431).
"""

import asyncio
import re
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_LIMIT = 65_536
"""Bytes of a request's line and headers, give or take one read."""

READ_ON_LIMIT = 2**26
"""Bytes that are read and dropped of a request that was answered before it had all come."""

_READ_ON_SECONDS = 2.0
"""How long such a client may send nothing before it is hung up on."""

_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class _Transport:
    """
    Closes only when a client that still sends has had the time to see its answer.

    An answer's head is held until its body comes, or the loop's next turn: each packet wakes the
    client.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._dropped = 0
        self._held = b""
        self.receives = False
        """Whether a request has begun, and not all of it has come."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Part of asyncio's transports."""
        if self.reads_on:  # it was refused in the middle of another's answer
            return
        if self._held:
            self._transport.writelines((self._held, data))
            self._held = b""
        elif data:
            self._held = data
            self._loop.call_soon(self._let_go)

    def _let_go(self) -> None:
        if self._held and not self._transport.is_closing():
            self._transport.write(self._held)
        self._held = b""

    @property
    def reads_on(self) -> bool:
        """Whether what comes is to be dropped."""
        return self._timer is not None

    def is_closing(self) -> bool:
        """Part of asyncio's transports."""
        return self.reads_on or self._transport.is_closing()

    def close(self) -> None:
        """Part of asyncio's transports."""
        if self.reads_on:
            return
        self._let_go()
        if not self.receives or self._transport.is_closing():
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        self.drop(b"")

    def drop(self, data: bytes) -> None:
        """Take it that this came, for nobody."""
        self.ends()
        self._dropped += len(data)
        seconds = _READ_ON_SECONDS if self._dropped <= READ_ON_LIMIT else 0.0
        self._timer = self._loop.call_later(seconds, self._transport.close)

    def ends(self) -> None:
        """Close no more: it is closed."""
        if self._timer is not None:
            self._timer.cancel()


class Connection(HttpToolsProtocol):
    """Bounds what is read, and closes late enough for the client to read, too."""

    transport: _Transport  # type: ignore[assignment]  # it has all that uvicorn calls
    _in_head = False
    _head = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol."""
        wrapped = _Transport(cast("asyncio.Transport", transport), self.loop)
        super().connection_made(cast("asyncio.Transport", wrapped))

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio's protocol."""
        self.transport.receives = False
        self.transport.ends()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol."""
        if self.transport.reads_on:
            self.transport.drop(data)
            return
        went_on = self._in_head
        if went_on or not self.transport.receives:
            data = _without_upgrade(data)
        super().data_received(data)
        if went_on and self._in_head:
            self._head += len(data)
            if self._head > HEAD_LIMIT:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """Part of httptools' protocol."""
        super().on_message_begin()
        self.transport.receives = self._in_head = True
        self._head = 0

    def on_headers_complete(self) -> None:
        """Part of httptools' protocol."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Part of httptools' protocol."""
        self.transport.receives = False
        super().on_message_complete()

    def _refuse_head(self) -> None:
        self._in_head = False
        body = b"The request's headers have more than %d bytes.\n" % HEAD_LIMIT
        head = b"content-type: text/plain\r\nconnection: close\r\ncontent-length: %d" % len(body)
        self.transport.write(STATUS_LINE[431] + head + b"\r\n\r\n" + body)
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """
    Return the begin of a request as one that asks for no other protocol.

    None is offered, and the parser takes what comes after the headers for that protocol's: a POST
    by Java's client, which asks for HTTP/2, would have no body.
    """
    end = data.find(b"\r\n\r\n")
    upgrade = _UPGRADE.search(data, 0, len(data) if end < 0 else end)
    if upgrade is None:
        return data
    return data[: upgrade.start() + 2] + b"x-" + data[upgrade.start() + 2 :]
