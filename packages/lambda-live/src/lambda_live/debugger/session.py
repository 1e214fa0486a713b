"""One debugger that is attached, from one process to the next."""

import asyncio
from collections.abc import Awaitable, Callable

from lambda_live.debugger.messages import Message, encoded, messages
from lambda_live.debugger.session_setup import Setup
from lambda_live.debugger.target import Debuggee

_PATIENCE = 10.0
"""Seconds in which a process has to be debugged as the one before it was."""

_LEAVES = ("disconnect", "terminate")
_ENDS = ("exited", "terminated")


class Session:
    """
    Gives each process what the debugger says, and the debugger what the process says.

    That one process has ended, and another is there, the debugger hears as the end of its threads.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        begins: Callable[["Session"], Awaitable[None]],
    ) -> None:
        """`begins` is told of the first message; who sends none is no debugger."""
        self._reader = reader
        self._writer = writer
        self._begins: Callable[[Session], Awaitable[None]] | None = begins
        self._setup = Setup()
        self._debuggee: Debuggee | None = None
        self._held: list[Message] = []
        self._unanswered: dict[int, Message] = {}
        self._threads: set[int] = set()
        self._follows: set[asyncio.Task[None]] = set()
        self._leaves = False
        self._is_first = True

    async def run(self) -> None:
        """Return when the debugger has left."""
        async for request in messages(self._reader):
            begins, self._begins = self._begins, None
            if begins is not None:
                await begins(self)
            self._unanswered[request.get("seq", 0)] = request
            self._leaves = self._leaves or request.get("command") in _LEAVES
            if self._debuggee is None:
                self._held.append(request)
            else:
                self._pass_on(self._debuggee, request)
        self.close()

    def _pass_on(self, debuggee: Debuggee, request: Message) -> None:
        self._setup.remember(request)
        debuggee.send(request)

    async def debug(self, port: int) -> None:
        """Return when the process at that port is debugged as the debugger asked for, or gone."""
        try:
            debuggee = Debuggee(await asyncio.open_connection("127.0.0.1", port), self._told)
        except OSError:  # it has ended
            return
        follow = asyncio.create_task(self._follow(debuggee))
        self._follows.add(follow)
        follow.add_done_callback(self._follows.discard)
        if self._setup.complete:
            self._is_first = False
            repeat = asyncio.create_task(debuggee.repeat(self._setup))
            both = {follow, repeat}
            await asyncio.wait(both, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if not repeat.done():
                repeat.cancel()
                debuggee.close()
                return
        self._debuggee = debuggee
        held, self._held = self._held, []
        for request in held:
            self._pass_on(debuggee, request)

    async def _follow(self, debuggee: Debuggee) -> None:
        await debuggee.run()
        if self._debuggee is debuggee:
            self._debuggee = None
            self._ended()

    def _ended(self) -> None:
        """Let the debugger wait for the next process, unless it leaves or had not begun."""
        if self._leaves or not self._setup.complete:
            self._tell({"type": "event", "event": "terminated"})
            self.close()
            return
        for number, request in self._unanswered.items():
            command = request.get("command")
            answer = {"type": "response", "request_seq": number, "command": command}
            went_on = command == "continue"  # to its end; an editor would show this as an error
            self._tell(answer | {"success": went_on, "message": "The code was loaded anew."})
        self._unanswered.clear()
        for thread in self._threads:
            body = {"threadId": thread, "reason": "exited"}
            self._tell({"type": "event", "event": "thread", "body": body})
        self._threads.clear()

    def _told(self, message: Message) -> None:
        if message.get("type") == "response":
            self._unanswered.pop(message.get("request_seq", 0), None)
        event, body = message.get("event"), message.get("body") or {}
        if event in _ENDS and not self._leaves:
            return
        if event == "breakpoint" and not self._is_first:
            return  # each process has numbers of its own for them
        if event == "thread":
            change = self._threads.add if body.get("reason") == "started" else self._threads.discard
            change(body.get("threadId", 0))
        self._tell(message)

    def _tell(self, message: Message) -> None:
        if not self._writer.is_closing():
            self._writer.write(encoded({"seq": 0} | message))

    def close(self) -> None:
        """Hang up on both sides."""
        self._leaves = True
        if self._debuggee is not None:
            self._debuggee.let_go()
        self._writer.close()
