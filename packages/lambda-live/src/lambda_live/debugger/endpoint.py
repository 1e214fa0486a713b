"""Where a debugger attaches to a function, whichever process it is that is debugged."""

import asyncio
import socket

from lambda_live.debugger.session import Session


class Debugging:
    """
    Leads the debugger that is attached to each process of one function.

    While none is attached, nobody waits for it.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._session: Session | None = None
        self._port: int | None = None
        self.listens_at: int = listener.getsockname()[1]

    @property
    def attached(self) -> bool:
        """Whether a debugger is."""
        return self._session is not None

    async def start(self) -> None:
        """Let a debugger attach."""
        self._server = await asyncio.start_server(self._connected, sock=self._listener)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(reader, writer, self._welcome)
        await session.run()
        if self._session is session:
            self._session = None

    async def _welcome(self, session: Session) -> None:
        """Take one that speaks the protocol in place of who was attached."""
        if self._session is not None:
            self._session.close()
        self._session = session
        if self._port is not None:
            await session.debug(self._port)

    async def offer(self, port: int) -> None:
        """Return when who is attached debugs the process that listens there as it did the last."""
        self._port = port
        if self._session is not None:
            await self._session.debug(port)

    def stop(self) -> None:
        """Hang up."""
        if self._session is not None:
            self._session.close()
        if self._server is not None:
            self._server.close()
