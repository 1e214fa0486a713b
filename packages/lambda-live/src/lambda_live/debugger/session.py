"""One debugger that is attached, from one process to the next."""

import asyncio
from collections.abc import Awaitable, Callable

from lambda_live.debugger.messages import Message, encode, read_messages
from lambda_live.debugger.session_setup import SessionSetup
from lambda_live.debugger.target import DebugTarget

_REPLAY_TIMEOUT_SECONDS = 10.0
"""Seconds in which a process has to be debugged as the one before it was."""

_LEAVING_COMMANDS = ("disconnect", "terminate")
_EXIT_EVENTS = ("exited", "terminated")


class Session:
    """
    Gives each process what the debugger says, and the debugger what the process says.

    That one process has ended, and another is there, the debugger hears as the end of its threads.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_started: Callable[["Session"], Awaitable[None]],
    ) -> None:
        """`begins` is told of the first message; who sends none is no debugger."""
        self._reader = reader
        self._writer = writer
        self._on_started: Callable[[Session], Awaitable[None]] | None = on_started
        self._setup = SessionSetup()
        self._target: DebugTarget | None = None
        self._queued: list[Message] = []
        self._unanswered: dict[int, Message] = {}
        self._threads: set[int] = set()
        self._follow_tasks: set[asyncio.Task[None]] = set()
        self._is_leaving = False
        self._is_first_target = True

    async def run(self) -> None:
        """Return when the debugger has left."""
        async for request in read_messages(self._reader):
            begins, self._on_started = self._on_started, None
            if begins is not None:
                await begins(self)
            self._unanswered[request.get("seq", 0)] = request
            self._is_leaving = self._is_leaving or request.get("command") in _LEAVING_COMMANDS
            if self._target is None:
                self._queued.append(request)
            else:
                self._forward(self._target, request)
        self.close()

    def _forward(self, debuggee: DebugTarget, request: Message) -> None:
        self._setup.remember(request)
        debuggee.send(request)

    async def attach_process(self, port: int) -> None:
        """Return when the process at that port is debugged as the debugger asked for, or gone."""
        try:
            debuggee = DebugTarget(
                await asyncio.open_connection("127.0.0.1", port), self._on_target_message
            )
        except OSError:  # it has ended
            return
        follow = asyncio.create_task(self._follow(debuggee))
        self._follow_tasks.add(follow)
        follow.add_done_callback(self._follow_tasks.discard)
        if self._setup.is_complete:
            self._is_first_target = False
            repeat = asyncio.create_task(debuggee.replay(self._setup))
            both = {follow, repeat}
            await asyncio.wait(
                both, timeout=_REPLAY_TIMEOUT_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not repeat.done():
                repeat.cancel()
                debuggee.close()
                return
        self._target = debuggee
        held, self._queued = self._queued, []
        for request in held:
            self._forward(debuggee, request)

    async def _follow(self, debuggee: DebugTarget) -> None:
        await debuggee.run()
        if self._target is debuggee:
            self._target = None
            self._on_target_exit()

    def _on_target_exit(self) -> None:
        """Let the debugger wait for the next process, unless it leaves or had not begun."""
        if self._is_leaving or not self._setup.is_complete:
            self._send({"type": "event", "event": "terminated"})
            self.close()
            return
        for number, request in self._unanswered.items():
            command = request.get("command")
            answer = {"type": "response", "request_seq": number, "command": command}
            went_on = command == "continue"  # to its end; an editor would show this as an error
            self._send(answer | {"success": went_on, "message": "The code was loaded anew."})
        self._unanswered.clear()
        for thread in self._threads:
            body = {"threadId": thread, "reason": "exited"}
            self._send({"type": "event", "event": "thread", "body": body})
        self._threads.clear()

    def _on_target_message(self, message: Message) -> None:
        if message.get("type") == "response":
            self._unanswered.pop(message.get("request_seq", 0), None)
        event, body = message.get("event"), message.get("body") or {}
        if event in _EXIT_EVENTS and not self._is_leaving:
            return
        if event == "breakpoint" and not self._is_first_target:
            return  # each process has numbers of its own for them
        if event == "thread":
            change = self._threads.add if body.get("reason") == "started" else self._threads.discard
            change(body.get("threadId", 0))
        self._send(message)

    def _send(self, message: Message) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode({"seq": 0} | message))

    def close(self) -> None:
        """Hang up on both sides."""
        self._is_leaving = True
        if self._target is not None:
            self._target.detach()
        self._writer.close()
