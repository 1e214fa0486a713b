"""An HTTP server of a test, in a thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from threading import Thread

_POLL_SECONDS = 0.01
"""Poll interval for shutdown; with socketserver's 0.5 s, each test would take that long."""


@contextmanager
def serve_in_thread[T: BaseServer](server: T) -> Iterator[T]:
    """Run a server during the block."""
    with server:
        thread = Thread(target=server.serve_forever, args=[_POLL_SECONDS])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
