"""A process that is debugged."""

import asyncio
import itertools
from collections.abc import Callable

from lambda_live.debugger.messages import Message, encoded, messages
from lambda_live.debugger.session_setup import Setup

_OWN = 2**30
"""From here on the requests are counted that no debugger has sent."""


class Debuggee:
    """Speaks with one process."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        told: Callable[[Message], None],
    ) -> None:
        """`told` gets what it says, but for the answers to requests that are repeated."""
        self._reader, self._writer = streams
        self._told = told
        self._numbers = itertools.count(_OWN)
        self._answers: dict[int, asyncio.Future[Message]] = {}
        self._initialized: asyncio.Event | None = None

    async def run(self) -> None:
        """Return when the process has ended, or hangs up."""
        async for message in messages(self._reader):
            answer = self._answers.pop(message.get("request_seq", 0), None)
            if answer is not None:
                answer.set_result(message)
            elif self._initialized is not None and message.get("event") == "initialized":
                self._initialized.set()
            else:
                self._told(message)
        self.close()

    def send(self, message: Message) -> None:
        """Give it a message; who has ended hears none."""
        self._writer.write(encoded(message))

    async def repeat(self, setup: Setup) -> None:
        """Ask for all that the process before it was asked for."""
        self._initialized = asyncio.Event()
        answers = [self._ask(request) for request in setup.beginning()]
        await self._initialized.wait()
        answers += [self._ask(request) for request in setup.rest()]
        await asyncio.gather(*answers)

    def _ask(self, request: Message) -> asyncio.Future[Message]:
        number = next(self._numbers)
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        self.send(request | {"seq": number})
        return answer

    def let_go(self) -> None:
        """Have it run on as if nobody had debugged it, and hang up."""
        number, resumes = next(self._numbers), {"restart": False, "terminateDebuggee": False}
        self.send({"seq": number, "type": "request", "command": "disconnect", "arguments": resumes})
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()
