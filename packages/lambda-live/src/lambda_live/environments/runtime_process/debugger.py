"""
Let a debugger attach to this process, and reject everything else that connects.

Problem: debugpy ignores the lines of an HTTP request, and executes DAP messages after them. A web
page could send a POST of text/plain to the debugger's port, and run code on the developer's
machine.

How it works: `pydevd.create_server_socket`, a private function of debugpy, is replaced. The socket
that it returns accepts a connection only if its first bytes are a DAP header. No browser can send
those first.

Without it, debugging works the same, but any open web page can run code. `pyproject.toml` limits
debugpy to versions with that function, and a test fails if it changes.

Source: https://microsoft.github.io/debug-adapter-protocol/overview#base-protocol
"""

import socket

_DAP_PREFIX = b"Content-Length:"
_PREFIX_TIMEOUT_SECONDS = 5.0
"""An editor sends its first message at once."""


class _DapListener:
    """A listening socket that accepts DAP clients only."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def __getattr__(self, name: str) -> object:
        return getattr(self._listener, name)

    def accept(self) -> tuple[socket.socket, object]:
        """Return the next connection of a DAP client; close all others."""
        while True:
            connection, address = self._listener.accept()
            if _speaks_dap(connection):
                return connection, address
            connection.close()


def _speaks_dap(connection: socket.socket) -> bool:
    """Peek at the first bytes."""
    connection.settimeout(_PREFIX_TIMEOUT_SECONDS)
    received = b""
    try:
        while _DAP_PREFIX.startswith(received) and received != _DAP_PREFIX:
            before, received = received, connection.recv(len(_DAP_PREFIX), socket.MSG_PEEK)
            if received == before:  # the client has left, or sends too slowly
                return False
        connection.settimeout(None)
    except OSError:
        return False
    return received == _DAP_PREFIX


def listen(descriptor: int) -> None:
    """Accept a debugger on the listening socket that the service has passed on."""
    import debugpy.server.api  # noqa: PLC0415  # puts debugpy's own pydevd on sys.path
    import pydevd  # noqa: PLC0415

    listener = socket.socket(fileno=descriptor)
    pydevd.create_server_socket = lambda **_: _DapListener(listener)
    # a separate adapter process would outlive this one
    debugpy.listen(listener.getsockname(), in_process_debug_adapter=True)  # noqa: T100
