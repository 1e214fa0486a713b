"""What both front doors need of HTTP, over ASGI (https://asgi.readthedocs.io)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]


_MAX_DISCARDED_BYTES = 64 * 2**20
"""Bytes that are read of a request that is too large: some clients read no answer before that."""


class BodyTooLargeError(Exception):
    """The request has more bytes than may be sent: so many, as far as they were counted."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class DisconnectedError(Exception):
    """The client left before it had sent its request."""


@dataclass(slots=True)
class Response:
    """An answer: header names as they are sent, and of what code it is, if any ran."""

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
    """Return a request header, or None; `name` in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


def event_file_name(scope: Scope) -> str:
    """Return the event file that one of this project's tools says it sends, or an empty text."""
    name = header(scope, b"x-lambda-live-event") or ""
    return name.encode("latin-1").decode("utf-8", "replace")


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """Return the whole body. Raises BodyTooLargeError over `limit` bytes, DisconnectedError."""
    length = header(scope, b"content-length") or ""
    announced = int(length) if length.isdigit() else 0
    if announced > limit and (announced > _MAX_DISCARDED_BYTES or header(scope, b"expect")):
        raise BodyTooLargeError(announced)
    chunks: list[bytes] = []
    size = 0
    async for chunk in _chunks(receive):
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        elif size > _MAX_DISCARDED_BYTES:
            break
    if size > limit:
        raise BodyTooLargeError(size)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _chunks(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def send(response: Response, send: Send) -> None:
    """Send an answer; one that has no body by HTTP's rules is sent without."""
    empty = response.status in (204, 304)
    body = b"" if empty else response.body
    headers = _encoded(response.headers)
    if not empty:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
