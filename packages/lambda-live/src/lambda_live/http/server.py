"""
The HTTP server: uvicorn on a socket, with its protocol and its main loop adapted.

`Connection` replaces uvicorn's protocol, for six reasons:

- A client that gets an error while it still sends must be able to read that error. If a server
  closes a socket with unread data, the kernel sends a reset and the client loses the response. So
  `_Transport` closes its sending half, and discards what arrives for a short time (RFC 9112).
- uvicorn does not limit a request's headers. `Connection` does, and responds with 431 (RFC 6585).
- Java's client sends `Upgrade: h2c`. httptools then stops parsing after the headers, and the body
  is lost. `Connection` renames that header.
- uvicorn appends the trailer fields of a chunked body to the headers. `Connection` discards them,
  because a field after the body could replace a header that was already checked (RFC 9110).
- An event has the header names as the client wrote them, and a request that waits is dropped if its
  client disconnects. `Connection` puts both into the request's `state`: `header_names`, `client`.
- uvicorn logs each connection of a client that sends HTTPS, without the reason. `Connection` logs
  the first one of each port with what to do.

`_Transport` also sends a response's head and body in one packet, which wakes the client once.

`Server` waits for an event instead of polling ten times a second, leaves signals to the service,
and stops at once if there is no connection.

Sources: https://www.rfc-editor.org/rfc/rfc9112#section-9.6
https://www.rfc-editor.org/rfc/rfc6585#section-5
https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1
"""

import asyncio
import contextlib
import math
import re
import socket
from collections.abc import Iterator
from typing import ClassVar, cast, override

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from lambda_live.http.asgi import App, Client
from lambda_live.http.headers import OWN_HEADER_PREFIX

MAX_HEAD_BYTES = 65_536
"""Limit of a request's first line and headers, not counting the last read."""

MAX_LINGER_BYTES = 2**26
"""Limit of what is discarded of a request after its response was sent."""

_LINGER_TIMEOUT_SECONDS = 2.0
"""The connection closes after the client has sent nothing for this time."""

_TLS_HANDSHAKE = b"\x16\x03"
"""The first bytes of a client that sends HTTPS (RFC 8446, section 5.1)."""

_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)

_DRAIN_SECONDS = 1
"""Extra time at shutdown, for the responses of invocations that were killed."""

_TICK_SECONDS = 1.0
"""How often uvicorn renews the Date header of its responses."""


class _Transport:
    """
    A transport whose close() lets a client that still sends read its response.

    It also buffers a response's head until the body arrives, or until the loop's next iteration.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._close_timer: asyncio.TimerHandle | None = None
        self._dropped = 0
        self._buffered_head = b""
        self.is_receiving = False
        """Whether a part of a request has arrived, and the rest has not."""

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send data, or buffer it if it is a response's head."""
        if self.is_lingering:  # the request was rejected during an earlier one's response
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
        """Whether the response is sent, and what arrives is discarded."""
        return self._close_timer is not None

    def is_closing(self) -> bool:
        """Return whether nothing more can be sent."""
        return self.is_lingering or self._transport.is_closing()

    def close(self) -> None:
        """Close now, or after the client has finished sending."""
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
        """Count discarded data, and restart the timer that closes the connection."""
        self.cancel_close()
        self._dropped += len(data)
        seconds = _LINGER_TIMEOUT_SECONDS if self._dropped <= MAX_LINGER_BYTES else 0.0
        self._close_timer = self._loop.call_later(seconds, self._transport.close)

    def cancel_close(self) -> None:
        """Cancel the timer that closes the connection."""
        if self._close_timer is not None:
            self._close_timer.cancel()


class Connection(HttpToolsProtocol):
    """A client's connection: uvicorn's protocol with the changes listed above."""

    transport: _Transport  # type: ignore[assignment]  # it has everything that uvicorn calls
    _in_head = False
    _head_bytes = 0
    _https_ports: ClassVar[set[int | None]] = set()
    """The ports whose first HTTPS client has been logged."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wrapped = _Transport(cast("asyncio.Transport", transport), self.loop)
        super().connection_made(cast("asyncio.Transport", wrapped))
        self._client = Client()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.is_receiving = False
        self.transport.cancel_close()
        super().connection_lost(exc)
        self._client.disconnect()

    @override
    def data_received(self, data: bytes) -> None:
        if self.transport.is_lingering:
            self.transport.discard(data)
            return
        was_in_head = self._in_head
        if data.startswith(_TLS_HANDSHAKE) and not self.transport.is_receiving:
            self._reject_https()
            return
        if was_in_head or not self.transport.is_receiving:
            data = _without_upgrade(data)
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._reject_head()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.transport.is_receiving = self._in_head = True
        self._head_bytes = 0
        self._header_names: list[bytes] = []
        self.scope["state"].update(client=self._client, header_names=self._header_names)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            super().on_header(name, value)
            self._header_names.append(name)

    @override
    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        self.transport.is_receiving = False
        super().on_message_complete()

    def _reject_https(self) -> None:
        port = self.server and self.server[1]
        if port not in self._https_ports:
            self._https_ports.add(port)
            message = "a client sent HTTPS to port %s; use http:// (crhelper always uses HTTPS)"
            self.logger.warning(message, port)
        self.send_400_response("Use http://")

    def _reject_head(self) -> None:
        self._in_head = False
        body = b"Request headers are limited to %d bytes\n" % MAX_HEAD_BYTES
        head = b"content-type: text/plain\r\nconnection: close\r\ncontent-length: %d" % len(body)
        self.transport.write(STATUS_LINE[431] + head + b"\r\n\r\n" + body)
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """
    Rename the header Upgrade in the first bytes of a request.

    No other protocol is supported. httptools would treat the rest of the request as that protocol.
    """
    end = data.find(b"\r\n\r\n")
    upgrade = _UPGRADE.search(data, 0, len(data) if end < 0 else end)
    if upgrade is None:
        return data
    name = upgrade.start() + len(b"\r\n")
    return data[:name] + OWN_HEADER_PREFIX + data[name:]


class Server(uvicorn.Server):
    """A uvicorn server that runs beside others in one event loop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stop_event = asyncio.Event()

    def stop(self) -> None:
        """Accept no more connections, and finish the running requests."""
        self.should_exit = True
        self._stop_event.set()

    @override
    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop_event.wait(), _TICK_SECONDS)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections:
            await super().shutdown(sockets)
            return
        for each in (*self.servers, *(sockets or ())):
            each.close()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def create_server(app: App, shutdown_timeout: float) -> Server:
    """Return a server whose requests have `shutdown_timeout` seconds to finish after a stop."""
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # a caller could choose its own source address
        timeout_keep_alive=65,
        timeout_graceful_shutdown=math.ceil(shutdown_timeout) + _DRAIN_SECONDS,
    )
    return Server(config)


def socket_url(listener: socket.socket) -> str:
    """Return the URL at which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  # a socket on every address listens on this one, too
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
