"""The terminal's lines over HTTP, for `lambda-live terminal` and Tilt."""

import asyncio
import contextlib

from lambda_live.http.asgi import Receive, Scope, Send
from lambda_live.terminal.screen import Screen, Subscriber

PATH = "/terminal"


class TerminalStream:
    """An ASGI application. Its response lasts until the client or the service ends it."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:  # noqa: ARG002  # ASGI
        """Handle one request."""
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
        await send_message({"type": "http.response.start", "status": 200, "headers": headers})
        subscriber = self._screen.subscribe()
        disconnected = asyncio.create_task(self._wait_for_disconnect(receive, subscriber))
        try:
            async for text in subscriber.lines():
                body = text.encode("utf-8", "replace")
                chunk = {"type": "http.response.body", "body": body, "more_body": True}
                await send_message(chunk)
        finally:
            disconnected.cancel()
            self._screen.unsubscribe(subscriber)
        await send_message({"type": "http.response.body", "body": b""})

    async def _wait_for_disconnect(self, receive: Receive, subscriber: Subscriber) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while (await receive())["type"] != "http.disconnect":
                continue
            self._screen.unsubscribe(subscriber)
