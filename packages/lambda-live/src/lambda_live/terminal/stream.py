"""What the terminal prints, over HTTP, for who follows it from elsewhere."""

import asyncio
import contextlib

from lambda_live.http.asgi import Receive, Scope, Send
from lambda_live.terminal.screen import Follower, Screen

PATH = "/terminal"


class Stream:
    """An ASGI application; an answer goes on until one of both sides ends it."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:  # noqa: ARG002  # ASGI
        """Answer one request."""
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
        await send_message({"type": "http.response.start", "status": 200, "headers": headers})
        follower = self._screen.follow()
        gone = asyncio.create_task(self._until_gone(receive, follower))
        try:
            async for text in follower.lines():
                body = text.encode("utf-8", "replace")
                chunk = {"type": "http.response.body", "body": body, "more_body": True}
                await send_message(chunk)
        finally:
            gone.cancel()
            self._screen.leave(follower)
        await send_message({"type": "http.response.body", "body": b""})

    async def _until_gone(self, receive: Receive, follower: Follower) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            while (await receive())["type"] != "http.disconnect":
                continue
            self._screen.leave(follower)
