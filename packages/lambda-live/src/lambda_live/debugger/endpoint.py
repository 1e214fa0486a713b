"""Where a debugger attaches to a function, whichever process it is that is debugged."""

import asyncio
import socket

from lambda_live.debugger.session import Session


class DebugEndpoint:
    """
    Leads the debugger that is attached to each process of one function.

    While none is attached, nobody waits for it.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._session: Session | None = None
        self._process_port: int | None = None
        self.port: int = listener.getsockname()[1]

    @property
    def is_attached(self) -> bool:
        """Whether a debugger is."""
        return self._session is not None

    async def start(self) -> None:
        """Let a debugger attach."""
        self._server = await asyncio.start_server(self._on_connection, sock=self._listener)

    async def _on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        session = Session(reader, writer, self._on_session_started)
        await session.run()
        if self._session is session:
            self._session = None

    async def _on_session_started(self, session: Session) -> None:
        """Take one that speaks the protocol in place of who was attached."""
        if self._session is not None:
            self._session.close()
        self._session = session
        if self._process_port is not None:
            await session.attach_process(self._process_port)

    async def attach_process(self, port: int) -> None:
        """Return when who is attached debugs the process that listens there as it did the last."""
        self._process_port = port
        if self._session is not None:
            await self._session.attach_process(port)

    def stop(self) -> None:
        """Hang up."""
        if self._session is not None:
            self._session.close()
        if self._server is not None:
            self._server.close()
