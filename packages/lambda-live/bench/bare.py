"""The least that uvicorn can do: the physical limit of an HTTP answer from Python."""

from collections.abc import Awaitable, Callable
from typing import Any

_ANSWER = b"v0: 'm00000000'"


async def app(
    _scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Read the body and answer the same thing each time."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-length", b"%d" % len(_ANSWER))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _ANSWER})
