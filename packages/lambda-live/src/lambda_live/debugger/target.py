"""A process that is debugged."""

import asyncio
import itertools
from collections.abc import Callable

from lambda_live.debugger.messages import Message, encode, read_messages
from lambda_live.debugger.session_setup import SessionSetup

_FIRST_OWN_SEQ = 2**30
"""From here on the requests are counted that no debugger has sent."""


class DebugTarget:
    """Speaks with one process."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        on_message: Callable[[Message], None],
    ) -> None:
        """`told` gets what it says, but for the answers to requests that are repeated."""
        self._reader, self._writer = streams
        self._on_message = on_message
        self._numbers = itertools.count(_FIRST_OWN_SEQ)
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._initialized: asyncio.Event | None = None

    async def run(self) -> None:
        """Return when the process has ended, or hangs up."""
        async for message in read_messages(self._reader):
            answer = self._pending.pop(message.get("request_seq", 0), None)
            if answer is not None:
                answer.set_result(message)
            elif self._initialized is not None and message.get("event") == "initialized":
                self._initialized.set()
            else:
                self._on_message(message)
        self.close()

    def send(self, message: Message) -> None:
        """Give it a message; who has ended hears none."""
        self._writer.write(encode(message))

    async def replay(self, setup: SessionSetup) -> None:
        """Ask for all that the process before it was asked for."""
        self._initialized = asyncio.Event()
        answers = [self._request(request) for request in setup.before_initialized()]
        await self._initialized.wait()
        answers += [self._request(request) for request in setup.after_initialized()]
        await asyncio.gather(*answers)

    def _request(self, request: Message) -> asyncio.Future[Message]:
        number = next(self._numbers)
        self._pending[number] = answer = asyncio.get_running_loop().create_future()
        self.send(request | {"seq": number})
        return answer

    def detach(self) -> None:
        """Have it run on as if nobody had debugged it, and hang up."""
        number, resumes = next(self._numbers), {"restart": False, "terminateDebuggee": False}
        self.send({"seq": number, "type": "request", "command": "disconnect", "arguments": resumes})
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
