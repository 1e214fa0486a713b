"""
The session of one attached debugger, across the processes of a function.

It exchanges messages of the Debug Adapter Protocol. `server.py` explains why sessions outlive
processes.

Sources: https://microsoft.github.io/debug-adapter-protocol/overview#base-protocol
https://microsoft.github.io/debug-adapter-protocol/overview#initialization
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from lambda_live.model.strict_json import loads

_LENGTH_HEADER = b"Content-Length:"
_HEADER_END = b"\r\n\r\n"
_MAX_MESSAGE_BYTES = 64 * 2**20

_REPLAY_TIMEOUT_SECONDS = 10.0
"""A process that is not configured by then runs without the debugger."""

_FIRST_OWN_SEQ = 2**30
"""First number of requests that the proxy sends itself. An editor counts from 1."""

_FIRST_COMMANDS = ("initialize", "attach", "launch")
_LAST_COMMAND = "configurationDone"
_CONFIGURATION_COMMANDS = (
    *("setBreakpoints", "setFunctionBreakpoints", "setExceptionBreakpoints", "setDataBreakpoints"),
    *("setDebuggerProperty", "setPydevdSourceMap"),
)
_LEAVING_COMMANDS = ("disconnect", "terminate")
_EXIT_EVENTS = ("exited", "terminated")

type Message = dict[str, Any]


class SessionSetup:
    """Requests that configured the session, for the next process. A newer one replaces an older."""

    def __init__(self) -> None:
        self._requests: dict[str, Message] = {}

    def remember(self, request: Message) -> None:
        """Store the request if the next process needs it."""
        command = request.get("command")
        if command in (*_FIRST_COMMANDS, _LAST_COMMAND):
            self._requests[str(command)] = request
        elif command in _CONFIGURATION_COMMANDS:
            source = (request.get("arguments") or {}).get("source")
            self._requests[f"{command} {json.dumps(source, sort_keys=True)}"] = request

    @property
    def is_complete(self) -> bool:
        """Whether the debugger has finished its configuration."""
        return _LAST_COMMAND in self._requests

    def before_initialized(self) -> Iterator[Message]:
        """Yield the requests to send before the process's `initialized` event."""
        return (self._requests[name] for name in _FIRST_COMMANDS if name in self._requests)

    def after_initialized(self) -> Iterator[Message]:
        """Yield the requests to send after the `initialized` event."""
        others = (*_FIRST_COMMANDS, _LAST_COMMAND)
        yield from (each for name, each in self._requests.items() if name not in others)
        yield self._requests[_LAST_COMMAND]


class DebugTarget:
    """Connection to the debugpy of one process."""

    def __init__(
        self,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        on_message: Callable[[Message], None],
    ) -> None:
        """`on_message` receives all messages except responses to replayed requests."""
        self._reader, self._writer = streams
        self._on_message = on_message
        self._numbers = itertools.count(_FIRST_OWN_SEQ)
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._initialized: asyncio.Event | None = None

    async def run(self) -> None:
        """Read messages until the process exits or closes the connection."""
        async for message in read_messages(self._reader):
            response = self._pending.pop(message.get("request_seq", 0), None)
            if response is not None:
                response.set_result(message)
            elif self._initialized is not None and message.get("event") == "initialized":
                self._initialized.set()
            else:
                self._on_message(message)
        self.close()

    def send(self, message: Message) -> None:
        """Send a message. After the process's exit, do nothing."""
        self._writer.write(encode(message))

    async def replay(self, setup: SessionSetup) -> None:
        """Configure this process like the one before it."""
        self._initialized = asyncio.Event()
        responses = [self._request(request) for request in setup.before_initialized()]
        await self._initialized.wait()
        responses += [self._request(request) for request in setup.after_initialized()]
        await asyncio.gather(*responses)

    def _request(self, request: Message) -> asyncio.Future[Message]:
        number = next(self._numbers)
        self._pending[number] = response = asyncio.get_running_loop().create_future()
        self.send(request | {"seq": number})
        return response

    def detach(self) -> None:
        """Let the process continue without a debugger, and close the connection."""
        request = {"seq": next(self._numbers), "type": "request", "command": "disconnect"}
        self.send(request | {"arguments": {"restart": False, "terminateDebuggee": False}})
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


class Session:
    """
    Forwards messages between a debugger and the current process of a function.

    The debugger sees the exit of a process as the exit of its threads.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_started: Callable[["Session"], Awaitable[None]],
    ) -> None:
        """`on_started` is called at the first valid message: only a debugger sends one."""
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
        """Forward the debugger's requests until it disconnects."""
        async for request in read_messages(self._reader):
            on_started, self._on_started = self._on_started, None
            if on_started is not None:
                await on_started(self)
            self._unanswered[request.get("seq", 0)] = request
            self._is_leaving = self._is_leaving or request.get("command") in _LEAVING_COMMANDS
            if self._target is None:
                self._queued.append(request)
            else:
                self._forward(self._target, request)
        self.close()

    def _forward(self, target: DebugTarget, request: Message) -> None:
        self._setup.remember(request)
        target.send(request)

    async def attach_process(self, port: int) -> None:
        """Connect to the process at `port`; return when it is configured, or has exited."""
        try:
            streams = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # the process has exited
            return
        target = DebugTarget(streams, self._on_target_message)
        follow = asyncio.create_task(self._follow(target))
        self._follow_tasks.add(follow)
        follow.add_done_callback(self._follow_tasks.discard)
        if self._setup.is_complete:
            self._is_first_target = False
            replay = asyncio.create_task(target.replay(self._setup))
            await asyncio.wait(
                {follow, replay},
                timeout=_REPLAY_TIMEOUT_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not replay.done():
                replay.cancel()
                target.close()
                return
        self._target = target
        queued, self._queued = self._queued, []
        for request in queued:
            self._forward(target, request)

    async def _follow(self, target: DebugTarget) -> None:
        await target.run()
        if self._target is target:
            self._target = None
            self._on_target_exit()

    def _on_target_exit(self) -> None:
        """Answer open requests, and report the exit of all threads; the session goes on."""
        if self._is_leaving or not self._setup.is_complete:
            self._send({"type": "event", "event": "terminated"})
            self.close()
            return
        for number, request in self._unanswered.items():
            command = request.get("command")
            response = {"type": "response", "request_seq": number, "command": command}
            # an editor would show an error for a `continue` that ran to the end of the process
            outcome = {"success": command == "continue", "message": "The code was reloaded."}
            self._send(response | outcome)
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
            return  # its breakpoint ids are those of the new process
        if event == "thread":
            change = self._threads.add if body.get("reason") == "started" else self._threads.discard
            change(body.get("threadId", 0))
        self._send(message)

    def _send(self, message: Message) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode({"seq": 0} | message))

    def close(self) -> None:
        """Disconnect the debugger, and detach from the process."""
        self._is_leaving = True
        if self._target is not None:
            self._target.detach()
        self._writer.close()


async def read_messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    """
    Yield each message until the stream ends, or has something invalid.

    An HTTP request is invalid, so pages of other sites cannot send messages.
    """
    try:
        while True:
            head = await reader.readuntil(_HEADER_END)
            length = int(head.removeprefix(_LENGTH_HEADER).strip())
            if length > _MAX_MESSAGE_BYTES:
                return
            message = loads(await reader.readexactly(length))
            if isinstance(message, dict):
                yield message
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
        return


def encode(message: Message) -> bytes:
    """Return a message with its header."""
    body = json.dumps(message).encode()
    return b"%s %d%s%s" % (_LENGTH_HEADER, len(body), _HEADER_END, body)
