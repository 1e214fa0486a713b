"""The page's own requests: its files, its API, its stream of events."""

import asyncio
import contextlib
import time

from lambda_live.http.asgi import DisconnectedError, Receive, Response, Scope, Send, send
from lambda_live.ui.api import Api
from lambda_live.ui.assets import SAFE, Assets
from lambda_live.ui.broadcaster import Reader, message
from lambda_live.ui.state import Desk

_TURN = 1.0
_NOT_FOUND = Response(
    404, b"/, /metrics and /ready are here\n", [("Content-Type", "text/plain"), *SAFE]
)


class Page:
    """An ASGI application."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._api = Api(desk)
        self._assets = Assets()

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if path == "/api/feed" and scope["method"] == "GET":
            await self._stream(receive, send_message)
            return
        if path.startswith("/api/"):
            try:
                response = await self._api.answer(scope, receive)
            except DisconnectedError:
                return
        else:
            response = self._assets.get(_name(path)) or _NOT_FOUND
        await send(response, send_message)

    async def _stream(self, receive: Receive, send_message: Send) -> None:
        head = [("Content-Type", "text/event-stream"), *SAFE]
        headers = [(name.encode(), value.encode()) for name, value in head]
        await send_message({"type": "http.response.start", "status": 200, "headers": headers})
        reader = self._desk.feed.open()
        leaves = asyncio.get_running_loop().create_task(_until_gone(receive, reader))
        try:
            await _chunk(send_message, message(self._desk.hello()))
            async for told in reader.messages():
                await _chunk(send_message, told)
            await send_message({"type": "http.response.body", "body": b""})
        finally:
            leaves.cancel()
            self._desk.feed.leave(reader)

    async def tick(self) -> None:
        """Bring the figures on, a second after the other, until it is cancelled."""
        due = time.monotonic()
        while True:
            due = max(due + _TURN, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            self._desk.turn()

    def close(self) -> None:
        """End the streams; run nothing more."""
        self._desk.replay.stop()
        self._desk.feed.close()


def _name(path: str) -> str:
    return "index.html" if path == "/" else path.removeprefix("/static/")


async def _chunk(send_message: Send, body: bytes) -> None:
    await send_message({"type": "http.response.body", "body": body, "more_body": True})


async def _until_gone(receive: Receive, reader: Reader) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            continue
        reader.close()
