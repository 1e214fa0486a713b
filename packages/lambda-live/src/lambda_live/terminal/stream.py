"""The terminal's lines over HTTP, for `lambda-live terminal` and Tilt."""

from functools import partial

from lambda_live.http.asgi import Receive, Scope, Send, send_stream
from lambda_live.terminal.screen import Screen

PATH = "/terminal"


class TerminalStream:
    """An ASGI application. Its response lasts until the client or the service ends it."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:  # noqa: ARG002  # ASGI
        """Handle one request."""
        headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
        subscriber = self._screen.subscribe()
        chunks = (text.encode("utf-8", "replace") async for text in subscriber.lines())
        unsubscribe = partial(self._screen.unsubscribe, subscriber)
        try:
            await send_stream(headers, chunks, receive, send_message, unsubscribe)
        finally:
            unsubscribe()
