"""The interactive terminal, composed from its parts, and its lines over HTTP."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import override

from lambda_live.http.asgi import Receive, Scope, Send, send_stream
from lambda_live.model.function import FunctionConfiguration
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.sanitize import sanitize
from lambda_live.terminal.listener import TerminalListener
from lambda_live.terminal.screen import Screen
from lambda_live.terminal.status_view import StatusView
from lambda_live.terminal.text import bold, dim

_MAX_NAMES_LENGTH = 55
"""Longest list of function names that leaves room for the URL."""


class Terminal(Listener):
    """Shows what happens to the functions, and the messages of the service."""

    def __init__(
        self,
        out: Callable[[bytes], None] | None,
        descriptor: int,
        *,
        runs_checks: bool,
        is_debugging: Callable[[], bool],
    ) -> None:
        """
        Without `out`, only clients that follow the terminal over HTTP see it.

        `runs_checks`: checks follow each load, except while `is_debugging()`.
        """
        self._screen = Screen(out, descriptor)
        self.status = StatusView(
            self._screen, runs_checks=runs_checks and out is not None, is_debugging=is_debugging
        )

    def create_listener(
        self, configuration: FunctionConfiguration, *, show_name: bool
    ) -> TerminalListener:
        """Return the listener of a function."""
        return TerminalListener(self.status, configuration, configuration.name if show_name else "")

    def print_startup(
        self, functions: Sequence[FunctionConfiguration], url: str, dashboard_url: str
    ) -> None:
        """Print what is served, and the URLs."""
        names = ", ".join(each.name for each in functions)
        names = names if len(names) <= _MAX_NAMES_LENGTH else f"{len(functions)} functions"
        served = functions[0].handler if len(functions) == 1 else names
        self._screen.print([f"{bold(sanitize(served))}  {url}", dim(f"Dashboard  {dashboard_url}")])

    async def stream(self, scope: Scope, receive: Receive, send_message: Send) -> None:  # noqa: ARG002  # ASGI
        """Serve the lines over HTTP, until the client or the service ends the response."""
        headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")]
        subscriber = self._screen.subscribe()
        chunks = (text.encode("utf-8", "replace") async for text in subscriber.lines())
        unsubscribe = partial(self._screen.unsubscribe, subscriber)
        try:
            await send_stream(headers, chunks, receive, send_message, unsubscribe)
        finally:
            unsubscribe()

    def close(self) -> None:
        """End the streams of all clients."""
        self._screen.close()

    @override
    def service_log(self, message: str, level: str = "INFO", **fields: object) -> None:
        self.status.log(message, level, **fields)
