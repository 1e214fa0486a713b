"""The page's own requests: its files, its API, its stream of events."""

import asyncio
import contextlib
import time

from lambda_live.http.asgi import DisconnectedError, Receive, Response, Scope, Send, send
from lambda_live.ui.api import UiApi
from lambda_live.ui.assets import SECURITY_HEADERS, Assets
from lambda_live.ui.broadcaster import Subscription, encode
from lambda_live.ui.state import UiState

_TICK_SECONDS = 1.0
_NOT_FOUND = Response(
    404, b"/, /metrics and /ready are here\n", [("Content-Type", "text/plain"), *SECURITY_HEADERS]
)


class UiApp:
    """An ASGI application."""

    def __init__(self, state: UiState) -> None:
        self._state = state
        self._api = UiApi(state)
        self._assets = Assets()

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        if path == "/api/feed" and scope["method"] == "GET":
            await self._stream(receive, send_message)
            return
        if path.startswith("/api/"):
            try:
                response = await self._api.handle(scope, receive)
            except DisconnectedError:
                return
        else:
            response = self._assets.get(_name(path)) or _NOT_FOUND
        await send(response, send_message)

    async def _stream(self, receive: Receive, send_message: Send) -> None:
        head = [("Content-Type", "text/event-stream"), *SECURITY_HEADERS]
        headers = [(name.encode(), value.encode()) for name, value in head]
        await send_message({"type": "http.response.start", "status": 200, "headers": headers})
        reader = self._state.broadcaster.subscribe()
        leaves = asyncio.get_running_loop().create_task(_close_on_disconnect(receive, reader))
        try:
            await _send_chunk(send_message, encode(self._state.snapshot()))
            async for told in reader.messages():
                await _send_chunk(send_message, told)
            await send_message({"type": "http.response.body", "body": b""})
        finally:
            leaves.cancel()
            self._state.broadcaster.unsubscribe(reader)

    async def run_clock(self) -> None:
        """Bring the figures on, a second after the other, until it is cancelled."""
        due = time.monotonic()
        while True:
            due = max(due + _TICK_SECONDS, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            self._state.tick()

    def close(self) -> None:
        """End the streams; run nothing more."""
        self._state.replay.stop()
        self._state.broadcaster.close()


def _name(path: str) -> str:
    return "index.html" if path == "/" else path.removeprefix("/static/")


async def _send_chunk(send_message: Send, body: bytes) -> None:
    await send_message({"type": "http.response.body", "body": body, "more_body": True})


async def _close_on_disconnect(receive: Receive, reader: Subscription) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            continue
        reader.close()
