"""
The HTTP server: uvicorn on a socket.

Two of uvicorn's classes are adapted.

Sources: https://www.rfc-editor.org/rfc/rfc9112#section-9.6 (a close while the client still sends)
https://www.rfc-editor.org/rfc/rfc6585#section-5 (431)
"""

import asyncio
import contextlib
import math
import re
import socket
from collections.abc import Iterator
from typing import cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from lambda_live.http.asgi import App

_DRAIN_SECONDS = 1
"""Seconds in which those whose invocation was cut off get their answer."""

_TICK_SECONDS = 1.0
"""Seconds after which the time that its answers tell is another."""


class Server(uvicorn.Server):
    """A server that is one of several."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stops = asyncio.Event()

    def stop(self) -> None:
        """Take no more connections; let the requests that are there end."""
        self.should_exit = True
        self._stops.set()

    async def main_loop(self) -> None:
        """Wait to be stopped; uvicorn's own looks ten times a second whether it is."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stops.wait(), _TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End when the last connection has; uvicorn's own waits for a while if there is none."""
        if self.server_state.connections:
            await super().shutdown(sockets)
            return
        for each in (*self.servers, *(sockets or ())):
            each.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to who stops more than this server."""
        yield


def create_server(app: App, shutdown_timeout: float) -> Server:
    """Return what serves it, and at a stop lets its requests end in so many seconds."""
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=math.ceil(shutdown_timeout) + _DRAIN_SECONDS,
    )
    return Server(config)


def socket_url(listener: socket.socket) -> str:
    """Return the URL under which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  # every address includes this one
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


MAX_HEAD_BYTES = 65_536
"""Bytes of a request's line and headers, give or take one read."""

MAX_LINGER_BYTES = 2**26
"""Bytes that are read and dropped of a request that was answered before it had all come."""

_LINGER_TIMEOUT_SECONDS = 2.0
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
        self._close_timer: asyncio.TimerHandle | None = None
        self._dropped = 0
        self._buffered_head = b""
        self.is_receiving = False
        """Whether a request has begun, and not all of it has come."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Part of asyncio's transports."""
        if self.is_lingering:  # it was refused in the middle of another's answer
            return
        if self._buffered_head:
            self._transport.writelines((self._buffered_head, data))
            self._buffered_head = b""
        elif data:
            self._buffered_head = data
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._buffered_head and not self._transport.is_closing():
            self._transport.write(self._buffered_head)
        self._buffered_head = b""

    @property
    def is_lingering(self) -> bool:
        """Whether what comes is to be dropped."""
        return self._close_timer is not None

    def is_closing(self) -> bool:
        """Part of asyncio's transports."""
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        """Part of asyncio's transports."""
        if self.is_lingering:
            return
        self._flush()
        if not self.is_receiving or self._transport.is_closing():
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        self.discard(b"")

    def discard(self, data: bytes) -> None:
        """Take it that this came, for nobody."""
        self.cancel_close()
        self._dropped += len(data)
        seconds = _LINGER_TIMEOUT_SECONDS if self._dropped <= MAX_LINGER_BYTES else 0.0
        self._close_timer = self._loop.call_later(seconds, self._transport.close)

    def cancel_close(self) -> None:
        """Close no more: it is closed."""
        if self._close_timer is not None:
            self._close_timer.cancel()


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
        self.transport.is_receiving = False
        self.transport.cancel_close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol."""
        if self.transport.is_lingering:
            self.transport.discard(data)
            return
        went_on = self._in_head
        if went_on or not self.transport.is_receiving:
            data = _without_upgrade(data)
        super().data_received(data)
        if went_on and self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD_BYTES:
                self._reject_head()

    def on_message_begin(self) -> None:
        """Part of httptools' protocol."""
        super().on_message_begin()
        self.transport.is_receiving = self._in_head = True
        self._head = 0

    def on_headers_complete(self) -> None:
        """Part of httptools' protocol."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Part of httptools' protocol."""
        self.transport.is_receiving = False
        super().on_message_complete()

    def _reject_head(self) -> None:
        self._in_head = False
        body = b"The request's headers have more than %d bytes.\n" % MAX_HEAD_BYTES
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
