"""
The debugger's port, for debuggers alone.

debugpy skips the lines of HTTP and obeys what comes after them, so a page of any site could run
code here by a POST of text/plain. No browser begins a request as the Debug Adapter Protocol does.

Source: https://microsoft.github.io/debug-adapter-protocol/overview#base-protocol
"""

import socket

_DAP_PREFIX = b"Content-Length:"
_FIRST_BYTES_TIMEOUT_SECONDS = 5.0
"""Seconds in which who connects has to begin; an editor does at once."""


class _DapListener:
    """A listening socket; its connections are debuggers'."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def __getattr__(self, name: str) -> object:
        return getattr(self._listener, name)

    def accept(self) -> tuple[socket.socket, object]:
        """Return the next connection that speaks the protocol; hang up on all others."""
        while True:
            connection, address = self._listener.accept()
            if _speaks_dap(connection):
                return connection, address
            connection.close()


def _speaks_dap(connection: socket.socket) -> bool:
    connection.settimeout(_FIRST_BYTES_TIMEOUT_SECONDS)
    said = b""
    try:
        while _DAP_PREFIX.startswith(said) and said != _DAP_PREFIX:
            before, said = said, connection.recv(len(_DAP_PREFIX), socket.MSG_PEEK)
            if said == before:  # it has left, or does not go on
                return False
        connection.settimeout(None)
    except OSError:
        return False
    return said == _DAP_PREFIX


def listen(descriptor: int) -> None:
    """Let a debugger attach to the listening socket that the service has handed over."""
    import debugpy.server.api  # noqa: PLC0415  # this brings pydevd, which is inside debugpy
    import pydevd  # noqa: PLC0415

    listener = socket.socket(fileno=descriptor)
    pydevd.create_server_socket = lambda **_: _DapListener(listener)
    # an adapter of its own would outlive this process
    debugpy.listen(listener.getsockname(), in_process_debug_adapter=True)  # noqa: T100
