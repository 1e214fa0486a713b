"""HTTP on a socket, and the URL that leads there."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Iterator

import uvicorn

from lambda_live.http.asgi import App
from lambda_live.http.connection import Connection

_LAST_ANSWERS = 1
"""Seconds in which those whose invocation was cut off get their answer."""

_TURN = 1.0
"""Seconds after which the time that its answers tell is another."""


class Server(uvicorn.Server):
    """A server that is one of several."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stops = asyncio.Event()

    def stop(self) -> None:
        """Take no more connections; let the requests that are there end."""
        self.should_exit = True
        self._stops.set()

    async def main_loop(self) -> None:
        """Wait to be stopped; uvicorn's own looks ten times a second whether it is."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stops.wait(), _TURN)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End when the last connection has; uvicorn's own waits for a while if there is none."""
        if self.server_state.connections:
            await super().shutdown(sockets)
            return
        for each in (*self.servers, *(sockets or ())):
            each.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to who stops more than this server."""
        yield


def server_of(app: App, shutdown_timeout: float) -> Server:
    """Return what serves it, and at a stop lets its requests end in so many seconds."""
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=math.ceil(shutdown_timeout) + _LAST_ANSWERS,
    )
    return Server(config)


def url_of(listener: socket.socket) -> str:
    """Return the URL under which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  # every address includes this one
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
