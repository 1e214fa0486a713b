"""A server of a test's own, in a thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from threading import Thread

_LOOKS = 0.01
"""Seconds between two looks whether it should end; socketserver's half a second is each test's."""


@contextmanager
def serving[T: BaseServer](server: T) -> Iterator[T]:
    """Have it serve while the block runs."""
    with server:
        thread = Thread(target=server.serve_forever, args=[_LOOKS])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
