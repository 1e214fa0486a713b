"""Application that does nothing: the upper limit of requests per second with uvicorn."""

from collections.abc import Awaitable, Callable
from typing import Any

_BODY = b"v0: 'm00000000'"


async def app(
    _scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Read the request, and send a constant response."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", b"%d" % len(_BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _BODY})
