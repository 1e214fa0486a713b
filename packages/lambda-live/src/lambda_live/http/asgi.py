"""ASGI types (https://asgi.readthedocs.io), and helpers that read requests and send responses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_to_bytes

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]


_MAX_DISCARDED_BYTES = 64 * 2**20
"""How much of a body that is too large is read: some clients read no response earlier."""


class BodyTooLargeError(Exception):
    """The request's body is too large. `size` is its size, as far as it was read."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class DisconnectedError(Exception):
    """The client disconnected before it had sent the whole request."""


class Client:
    """The client at the other end of a connection."""

    def __init__(self) -> None:
        self.is_connected = True
        self._callbacks: list[Callable[[], None]] = []

    @contextmanager
    def on_disconnect(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` if the client disconnects within the block."""
        self._callbacks.append(callback)
        try:
            yield
        finally:
            self._callbacks.remove(callback)

    def disconnect(self) -> None:
        """Record that the client disconnected."""
        self.is_connected = False
        for callback in list(self._callbacks):
            callback()


@dataclass(slots=True)
class Response:
    """A response. `code_sha256` is the hash of the code that ran, or empty if none ran."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)
    code_sha256: str = ""


def await_first(wait: Callable[[], Awaitable[None]], app: App) -> App:
    """Return an application that awaits `wait()` before each request to `app`."""

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await wait()
        await app(scope, receive, send)

    return waiting


def header(scope: Scope, name: bytes) -> str | None:
    """Return a request header, or None. `name` must be in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


def media_type(content_type: str) -> str:
    """Return the media type of a Content-Type header, in lower case and without parameters."""
    return content_type.partition(";")[0].strip().lower()


def query_parameter(scope: Scope, name: str) -> str | None:
    """Return the first value of a query parameter, or None."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    return next(iter(query.get(name, ())), None)


def client(scope: Scope) -> Client:
    """Return the client that sent a request."""
    found: Client = scope["state"]["client"]
    return found


def headers_as_sent(scope: Scope) -> list[tuple[str, str]]:
    """Return the headers with their names as the client wrote them."""
    names = scope["state"]["header_names"]
    return [
        (str(name, "latin-1"), str(value, "latin-1"))
        for name, (_, value) in zip(names, scope["headers"], strict=True)
    ]


def event_file_name(scope: Scope) -> str:
    """Return the name of the event file that a tool of this project sends, or an empty string."""
    name = header(scope, b"x-lambda-live-event") or ""
    return unquote_to_bytes(name.encode("latin-1")).decode("utf-8", "replace")


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the body of at most `limit` bytes. Raises BodyTooLargeError, DisconnectedError."""
    length = header(scope, b"content-length") or ""
    content_length = int(length) if length.isdigit() else 0
    if content_length > limit and (
        content_length > _MAX_DISCARDED_BYTES or header(scope, b"expect")
    ):
        raise BodyTooLargeError(content_length)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > _MAX_DISCARDED_BYTES:
            break
    if size > limit:
        raise BodyTooLargeError(size)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def send(response: Response, send: Send) -> None:
    """Send a response. The statuses 204 and 304 have no body."""
    has_body = response.status not in (204, 304)
    body = response.body if has_body else b""
    headers = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in response.headers]
    if has_body:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_stream(
    headers: Iterable[tuple[str, str]],
    chunks: AsyncIterator[bytes],
    receive: Receive,
    send_message: Send,
    on_disconnect: Callable[[], None],
) -> None:
    """Send a response that lasts until `chunks` end; `on_disconnect` must end them."""
    head = {"status": 200, "headers": [(name.encode(), value.encode()) for name, value in headers]}
    await send_message({"type": "http.response.start", **head})
    watch = asyncio.create_task(_call_on_disconnect(receive, on_disconnect))
    try:
        async for chunk in chunks:
            await send_message({"type": "http.response.body", "body": chunk, "more_body": True})
        await send_message({"type": "http.response.body", "body": b""})
    finally:
        watch.cancel()


async def _call_on_disconnect(receive: Receive, callback: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    callback()
