"""HTTP on a socket, and the URL that leads there."""

import contextlib
import math
import socket
from collections.abc import Iterator

import uvicorn

from lambda_local.door.connection import Connection
from lambda_local.door.http import App

_LAST_ANSWERS = 1
"""Seconds in which those whose invocation was cut off get their answer."""


class Server(uvicorn.Server):
    """A server that is one of several."""

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
