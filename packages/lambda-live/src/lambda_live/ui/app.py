"""The page's ASGI application: static files, JSON API, event stream."""

import json
from importlib.resources import files

from lambda_live.http.asgi import (
    DisconnectedError,
    Receive,
    Response,
    Scope,
    Send,
    send,
    send_stream,
)
from lambda_live.ui.api import Download, UiApi
from lambda_live.ui.state import UiState

_CONTENT_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
_SECURITY_HEADERS = [
    ("Content-Security-Policy", _CONTENT_SECURITY_POLICY),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-cache"),
]
"""Headers of every response: the page loads nothing from other sites, and no site can embed it."""

_NOT_FOUND = Response(
    404,
    b"Not found. Available: /, /metrics, /ready\n",
    [("Content-Type", "text/plain"), *_SECURITY_HEADERS],
)


class UiApp:
    """Serves the page, its API below `/api/`, and the event stream `/api/feed`."""

    def __init__(self, state: UiState) -> None:
        self._state = state
        self._api = UiApi(state)
        static = files("lambda_live.ui") / "static"
        self._files = {each.name: each.read_bytes() for each in static.iterdir() if each.is_file()}

    async def __call__(self, scope: Scope, receive: Receive, send_message: Send) -> None:
        """Handle one request."""
        path: str = scope["path"]
        if path == "/api/feed" and scope["method"] == "GET":
            await self._stream(receive, send_message)
            return
        if path.startswith("/api/"):
            try:
                status, value = await self._api.handle(scope, receive)
            except DisconnectedError:
                return
            response = _api_response(status, value)
        else:
            name = "index.html" if path == "/" else path.removeprefix("/static/")
            response = self._file(name) or _NOT_FOUND
        await send(response, send_message)

    def _file(self, name: str) -> Response | None:
        content = self._files.get(name)
        content_type = _CONTENT_TYPES.get(name.rpartition(".")[2])
        if content is None or content_type is None:
            return None
        return Response(200, content, [("Content-Type", content_type), *_SECURITY_HEADERS])

    async def _stream(self, receive: Receive, send_message: Send) -> None:
        head = [("Content-Type", "text/event-stream"), *_SECURITY_HEADERS]
        subscription = self._state.broadcaster.subscribe()
        messages = subscription.messages(self._state.snapshot())
        try:
            await send_stream(head, messages, receive, send_message, subscription.close)
        finally:
            self._state.broadcaster.unsubscribe(subscription)


def _api_response(status: int, value: object) -> Response:
    if isinstance(value, Download):
        headers = [("Content-Type", value.media_type), *_SECURITY_HEADERS]
        if value.name:
            headers.append(("Content-Disposition", f'attachment; filename="{value.name}"'))
        return Response(status, value.content, headers)
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, body, [("Content-Type", "application/json"), *_SECURITY_HEADERS])
